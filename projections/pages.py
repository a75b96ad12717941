"""Pages of the log, read one ahead, each applied in one transaction; what cannot be applied is found by bisection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import psycopg

from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import Connection, within
from infra.postgres.errors import DatabaseUnavailable, PositionMoved
from projections.parked import Poison, reason

if TYPE_CHECKING:
    from infra.event_store.recorder import LogRow, Recorder
    from projections.order_rows import OrderRows

PAGE: Final = 1_000
_TRANSACTION_SECONDS: Final = 30.0

Advance: TypeAlias = Callable[[Connection, int, int], Awaitable[None]]
"""Moves the place in the log from the second to the third argument; raises PositionMoved if it is not there."""


class RowRefused(Exception):
    """PostgreSQL will never store a row that came of these events."""


async def pages(recorder: Recorder, after: int, size: int = PAGE) -> AsyncGenerator[list[LogRow], None]:
    """The log after a position up to its end as it was read, page by page; while one is worked on, the next is read.

    A page that is not full is the last: what is stored after it was read wakes whoever follows the log. Raises
    DatabaseUnavailable. To be closed (`contextlib.aclosing`), or the read ahead goes on.
    """
    rows = await recorder.page(after, size)
    while rows:
        ahead = asyncio.ensure_future(recorder.page(rows[-1].position, size)) if len(rows) == size else None
        try:
            yield rows
            rows = await ahead if ahead is not None else []
        finally:
            if ahead is not None:
                ahead.cancel()  # of no effect where it was awaited
                await asyncio.gather(ahead, return_exceptions=True)


async def apply_page(
    connection: Connection, table: OrderRows, advance: Advance, after: int, rows: Sequence[LogRow]
) -> None:
    """Bring the table from position `after` to the last of `rows`, and the place in the log with it.

    Events that fail the whole are found by halving and parked. Raises PositionMoved, DatabaseUnavailable, and errors of
    the database that are not about what is stored.
    """
    try:
        await within(connection, _transaction(connection, table, advance, after, rows), _TRANSACTION_SECONDS)
    except (DatabaseUnavailable, PositionMoved):
        raise
    except Exception as error:
        if isinstance(error, psycopg.Error) and not isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            raise
        if len(rows) == 1:
            await within(
                connection, _set_aside(connection, table, advance, after, rows[0], error), _TRANSACTION_SECONDS
            )
            return
        middle = len(rows) // 2
        await apply_page(connection, table, advance, after, rows[:middle])
        await apply_page(connection, table, advance, rows[middle - 1].position, rows[middle:])


async def _transaction(
    connection: Connection, table: OrderRows, advance: Advance, after: int, rows: Sequence[LogRow]
) -> None:
    try:
        async with connection.transaction():
            # The position first: its row is the lock that lets one runner at a time, or the swap of a rebuild, at the
            # table. Whoever waits here finds the position moved, and has touched nothing.
            await advance(connection, after, rows[-1].position)
            await table.apply(connection, rows)
            reached(CrashPoint.PROJECTION_UNCOMMITTED)
    except psycopg.errors.ProgramLimitExceeded as error:
        # psycopg counts it among the faults of operation, which are tried again for ever.
        raise RowRefused(str(error)) from error


async def _set_aside(
    connection: Connection, table: OrderRows, advance: Advance, after: int, row: LogRow, error: Exception
) -> None:
    async with connection.transaction():
        await advance(connection, after, row.position)
        await table.park(connection, [Poison(row, reason(error))])
