"""Reads over a pool: with a deadline, tried again once where the connection had died in the pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool

from infra.postgres.deadline import within
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    Parameters = Sequence[object] | Mapping[str, object]

READ_DEADLINE_SECONDS = 4.0

# Of the pool's sessions. Every read follows an index, in its order: a plan that was made while a table was young, or a
# partner had few orders, would be a scan and a sort, and would be kept when there are many.
READ_SETTINGS = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "jit": "off",
}
_PAUSE_SECONDS = 0.05


class Reads:
    """Runs queries that change nothing. `pool` gives autocommit connections."""

    def __init__(self, pool: psycopg_pool.AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]) -> None:
        self._pool = pool

    async def rows(
        self, query: str, parameters: Parameters = (), *, seconds: float = READ_DEADLINE_SECONDS
    ) -> list[tuple[Any, ...]]:
        """All rows of the answer. Raises DatabaseUnavailable where none came within `seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                # Not `pool.connection()`: its commit, of nothing here, costs an eighth of a read.
                connection = await self._pool.getconn(max(deadline - loop.time(), _PAUSE_SECONDS))
                try:
                    return await within(
                        max(deadline - loop.time(), _PAUSE_SECONDS), connection, _rows(connection, query, parameters)
                    )
                finally:
                    await self._pool.putconn(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnavailable) as error:
                # A server that was restarted leaves dead connections behind: the next one may live.
                if loop.time() + _PAUSE_SECONDS >= deadline:
                    raise DatabaseUnavailable("the database does not answer") from error
                await asyncio.sleep(_PAUSE_SECONDS)


async def _rows(
    connection: AsyncConnection[tuple[Any, ...]], query: str, parameters: Parameters
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query, parameters or None, prepare=True, binary=True)
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return rows
