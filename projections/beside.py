"""A second table of orders beside the live one, filled from the log's beginning.

One at a time: a lock of the session that fills it. If the process dies, the lock is free, the live table is as it was,
and the next one begins by dropping what was left. Its place in the log is kept in memory: a table half filled is not
taken up.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from psycopg import sql

from infra.postgres.connections import Connection, translated_faults
from projections.order_rows import ORDERS, OrderRows
from projections.pages import apply_page, pages
from projections.runner import projection_connection

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder

BESIDE: Final = "orders_beside"
_PAGE: Final = 2_000
_LOCK: Final = 779_504
_INDEX: Final = re.compile(r"CREATE (?P<unique>UNIQUE )?INDEX \S+ ON \S+ (?P<rest>USING .*)", re.DOTALL)

# A long job on a connection of its own: building an index of many orders outlasts what a command may take.
_PATIENCE: Final = """
select set_config(name, '0', false) from pg_settings
where name in ('transaction_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')
"""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how far the work is, and how far it goes: positions in the log."""


class RebuildRuns(Exception):
    """Another process is filling a table beside the live one."""


class OrdersBeside:
    """The second table, while it is filled. `position`: up to which the log is in it."""

    def __init__(self, connection: Connection, recorder: Recorder, mapper: EventMapper) -> None:
        self.connection = connection
        self.position = 0
        self.rows = OrderRows(mapper, table=BESIDE, name=BESIDE)
        self._recorder = recorder

    async def fill(self, until: int, progress: Progress) -> None:
        """Apply the log up to position `until`."""
        progress(self.position, max(until, self.position))
        while self.position < until:
            async with aclosing(pages(self._recorder, self.position, _PAGE)) as found:
                async for rows in found:
                    wanted = rows if rows[-1].position <= until else [row for row in rows if row.position <= until]
                    await apply_page(self.connection, self.rows, _nowhere, self.position, wanted)
                    self.position = wanted[-1].position
                    progress(self.position, until)
                    if self.position >= until:
                        break

    async def index(self) -> None:
        """Give it the indices of the live table: made at once, they cost a third of what they cost row by row."""
        for name, definition in await self._live_indices():
            parts = _INDEX.fullmatch(definition)
            if parts is None or name == f"{ORDERS}_pkey":
                continue
            await self.connection.execute(
                sql.SQL("create {unique}index {name} on {table} {rest}").format(
                    unique=sql.SQL("unique " if parts["unique"] else ""),
                    name=sql.Identifier(_beside(name)),
                    table=sql.Identifier(BESIDE),
                    rest=sql.SQL(parts["rest"]),  # PostgreSQL's own text of the index
                )
            )
        await self.connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(BESIDE)))

    async def rename(self) -> None:
        """Put it in the live table's place, in the caller's transaction; the old one is gone with it."""
        indices = [name for name, _ in await self._live_indices()]
        await self.connection.execute(sql.SQL("drop table {}").format(sql.Identifier(ORDERS)))
        await self.connection.execute(
            sql.SQL("alter table {} rename to {}").format(sql.Identifier(BESIDE), sql.Identifier(ORDERS))
        )
        for name in indices:
            await self.connection.execute(
                sql.SQL("alter index {} rename to {}").format(sql.Identifier(_beside(name)), sql.Identifier(name))
            )

    async def _live_indices(self) -> list[tuple[str, str]]:
        cursor = await self.connection.execute(
            "select indexname, indexdef from pg_indexes where schemaname = current_schema() and tablename = %s",
            (ORDERS,),
        )
        return [(name, definition) for name, definition in await cursor.fetchall()]


@asynccontextmanager
async def orders_beside(
    recorder: Recorder, mapper: EventMapper, connect: Callable[[], Awaitable[Connection]]
) -> AsyncIterator[OrdersBeside]:
    """An empty table beside the live one; gone afterwards, unless it was put in the live one's place.

    Raises RebuildRuns, DatabaseUnavailable.
    """
    connection = await projection_connection(connect)
    try:
        with translated_faults():
            await connection.execute(_PATIENCE)
            cursor = await connection.execute("select pg_try_advisory_lock(%s)", (_LOCK,))
            if await cursor.fetchone() != (True,):
                raise RebuildRuns
            await _clear(connection)
            await _create(connection)
            try:
                yield OrdersBeside(connection, recorder, mapper)
            finally:
                # Not left for the next one where it can be helped: a full disk may be why this one ends.
                if not connection.broken:
                    await _clear(connection)
    finally:
        await connection.close()


async def _create(connection: Connection) -> None:
    cursor = await connection.execute(
        "select array_to_string(reloptions, ', ') from pg_class where oid = %s::regclass", (ORDERS,)
    )
    row = await cursor.fetchone()
    options = row[0] if row is not None else None
    async with connection.transaction():
        await connection.execute(
            sql.SQL("create table {} (like {} including all excluding indexes)").format(
                sql.Identifier(BESIDE), sql.Identifier(ORDERS)
            )
        )
        await connection.execute(
            sql.SQL("alter table {} add constraint {} primary key (order_id)").format(
                sql.Identifier(BESIDE), sql.Identifier(_beside(f"{ORDERS}_pkey"))
            )
        )
        if options:
            await connection.execute(
                sql.SQL("alter table {} set ({})").format(sql.Identifier(BESIDE), sql.SQL(options))
            )


async def _clear(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(BESIDE)))
        await connection.execute("delete from parked_events where projection = %s", (BESIDE,))


def _beside(index: str) -> str:
    return f"{index}_beside"


async def _nowhere(connection: Connection, old: int, new: int) -> None:
    """Its place in the log is not in the database."""
