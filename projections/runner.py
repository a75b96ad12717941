"""Keeps a read model at the end of the log: a page, the rows that follow from it and its position in one transaction.

A second runner or a zombie can do no harm: the position is guarded by its old value. If the process dies, the
transaction in hand is undone, and the next runner begins from the position that is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from infra.postgres.connections import Connection, translated_faults
from infra.postgres.errors import DatabaseUnavailable, PositionMoved
from infra.postgres.positions import advance, load_position
from projections.order_rows import ORDERS, OrderRows
from projections.pages import PAGE, apply_page, pages

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder

# Lists may lag by under a second, and an order is stored in steps that are milliseconds apart: read at each of them, it
# would cost a page and a transaction every time. In this time they come together, and those of other orders with them.
GATHER_SECONDS: Final = 0.05
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 1.0

# synchronous_commit: what a crash of the server takes from a read model, the log gives back, the same to the byte.
# The planner's: a plan made while the table was young would be a scan of it, and would be kept.
_SETTINGS: Final = {
    "synchronous_commit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_log = structlog.get_logger()


class ProjectionRunner:
    """Runs the projection of orders. `connect`: a new connection that may write, in autocommit mode."""

    def __init__(
        self,
        recorder: Recorder,
        mapper: EventMapper,
        connect: Callable[[], Awaitable[Connection]],
        *,
        page_size: int = PAGE,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._recorder = recorder
        self._connect = connect
        self._table = OrderRows(mapper)
        self._advance = partial(_advance, ORDERS)
        self._page_size = page_size
        self._gather_seconds = gather_seconds
        self._position: int | None = None

    async def run(self, woken: asyncio.Event) -> None:
        """Follow the log until cancelled; `woken` is set when it has grown, and each second in any case.

        What is stored gathers for `gather_seconds` before it is read; after a full page the next is read at once.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                connection = await projection_connection(self._connect)
                try:
                    while True:
                        woken.clear()
                        await self.catch_up(connection)
                        pause = _FIRST_PAUSE_SECONDS
                        await woken.wait()
                        await asyncio.sleep(self._gather_seconds)
                finally:
                    await connection.close()
            except DatabaseUnavailable as fault:
                _log.warning("projection_waits", projection=ORDERS, error=str(fault))
            except Exception:
                # Nothing that happens here may end the projection: it is said, and tried again.
                _log.exception("projection_failed", projection=ORDERS)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def catch_up(self, connection: Connection) -> int:
        """Apply the log up to its end as it was read; how many positions that were.

        `connection`: of `projection_connection`. Raises DatabaseUnavailable, and errors of the database that are not
        about what is stored.
        """
        passed = 0
        while True:
            # Unknown until the work in hand is known to have committed: after any fault it is asked for again.
            position, self._position = self._position, None
            if position is None:
                with translated_faults():
                    position = await load_position(connection, ORDERS)
            try:
                async with aclosing(pages(self._recorder, position, self._page_size)) as found:
                    async for rows in found:
                        await apply_page(connection, self._table, self._advance, position, rows)
                        passed += rows[-1].position - position
                        position = rows[-1].position
            except PositionMoved:
                _log.info("projection_moved", projection=ORDERS, position=position)
            else:
                self._position = position
                return passed


async def projection_connection(connect: Callable[[], Awaitable[Connection]]) -> Connection:
    """A connection set up for projections. Raises DatabaseUnavailable."""
    connection = await connect()
    try:
        with translated_faults():
            await connection.execute(
                "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as setting(name, value)",
                (list(_SETTINGS), list(_SETTINGS.values())),
            )
    except BaseException:
        await connection.close()
        raise
    return connection


async def _advance(name: str, connection: Connection, old: int, new: int) -> None:
    await advance(connection, name, old, new)
