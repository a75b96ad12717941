"""Rebuilds the order read model beside the live one, then swaps; and compares the two without a swap.

The running projector and all readers go on. If this process dies at any moment, the live table is as it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import psycopg
import structlog
from psycopg import sql

from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import Connection
from infra.postgres.positions import load_position
from projections.beside import BESIDE, OrdersBeside, Progress, orders_beside
from projections.order_rows import ORDERS

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder

_SWAP_EVENTS: Final = 1_000
_SWAP_ATTEMPTS: Final = 150
_SWAP_PAUSE_SECONDS: Final = 0.2
_SHOWN_DIFFERENCES: Final = 100

_POSITION = "select position from consumer_positions where name = %s"

# For one large join, against what suits the pages.
_SCANS: Final = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"]
_SCAN = "select set_config(name, 'on', false) from unnest(%s::text[]) as setting(name)"

_DIFFERENT = """
select coalesce(live.order_id, again.order_id), live.version, again.version
from {live} live full join {beside} again on again.order_id = live.order_id
where live is distinct from again
order by 1 limit %s
"""

_log = structlog.get_logger()


class Rebuilt(NamedTuple):
    """`events`: how many were read and, where they concern orders, folded. `parked`: how many could not be."""

    events: int
    seconds: float
    parked: int


class Difference(NamedTuple):
    """An order whose row is not what the log says. A version is None where there is no row."""

    order_id: UUID
    version: int | None
    version_by_the_log: int | None


class Comparison(NamedTuple):
    """`position`: up to which the read model was compared. `differences`: the first hundred."""

    position: int
    orders: int
    differences: list[Difference]


class SwapFailed(Exception):
    """The read model has been in use without a pause: try again when there is less to do."""


async def rebuild(
    recorder: Recorder,
    mapper: EventMapper,
    connect: Callable[[], Awaitable[Connection]],
    progress: Progress = lambda _done, _total: None,
) -> Rebuilt:
    """Fold the whole log into a new table and put it in the place of the live one.

    Raises RebuildRuns, SwapFailed, DatabaseUnavailable; the live table is then as it was.
    """
    began = time.monotonic()
    async with orders_beside(recorder, mapper, connect) as beside:
        await beside.fill(await recorder.max_notification_id() or 0, progress)
        await beside.index()
        reached(CrashPoint.REBUILD_FILLED)
        for _ in range(_SWAP_ATTEMPTS):
            await beside.fill(await recorder.max_notification_id() or 0, progress)
            if await _swap(beside, progress):
                break
            await asyncio.sleep(_SWAP_PAUSE_SECONDS)
        else:
            raise SwapFailed
        parked = await _number(beside.connection, "select count(*) from parked_events where projection = %s", ORDERS)
    seconds = time.monotonic() - began
    _log.info(
        "projection_rebuilt", projection=ORDERS, position=beside.position, parked=parked, seconds=round(seconds, 3)
    )
    return Rebuilt(beside.position, seconds, parked)


async def _swap(beside: OrdersBeside, progress: Progress) -> bool:
    """Put the new table in the live one's place; False where that must wait: too much was added, or long reads run."""
    connection = beside.connection
    await load_position(connection, ORDERS)  # makes the row where no projector ever ran
    filled = beside.position
    swapped = False
    try:
        async with connection.transaction():
            # A lock that stands in nobody's way but a vacuum's, which gives way to who has waited for a second.
            await connection.execute("lock table orders in share update exclusive mode")
            # The position's row before the table's own lock, as the projector has it: until we commit it can touch no
            # row, and it goes on from our position afterwards. The table's lock is held for some milliseconds.
            live = await _number(connection, f"{_POSITION} for update", ORDERS)
            if live - beside.position > _SWAP_EVENTS:
                return False
            await beside.fill(live, progress)
            # Who reads would queue behind us while we wait for one who reads for long.
            await connection.execute("set local lock_timeout = '200ms'")
            await beside.rename()
            await connection.execute(
                "update consumer_positions set position = %s where name = %s", (beside.position, ORDERS)
            )
            await connection.execute("delete from parked_events where projection = %s", (ORDERS,))
            await connection.execute("update parked_events set projection = %s where projection = %s", (ORDERS, BESIDE))
            reached(CrashPoint.SWAP_UNCOMMITTED)
        swapped = True
        reached(CrashPoint.SWAP_COMMITTED)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        _log.info("projection_swap_waits", projection=ORDERS)
    finally:
        if not swapped:
            beside.position = filled  # what was filled in the transaction is undone with it
    return swapped


async def compare(
    recorder: Recorder,
    mapper: EventMapper,
    connect: Callable[[], Awaitable[Connection]],
    progress: Progress = lambda _done, _total: None,
) -> Comparison:
    """Whether the read model is, to the byte, what a replay of the log gives. Changes nothing that is live.

    Raises RebuildRuns, DatabaseUnavailable.
    """
    async with orders_beside(recorder, mapper, connect) as beside:
        connection = beside.connection
        await beside.fill(await load_position(connection, ORDERS), progress)
        await connection.execute(
            "select set_config(name, 'on', false) from unnest(%s::text[]) as setting(name)", (_SCANS,)
        )
        async with connection.transaction():
            # One snapshot of the live table and its position; the projector goes on meanwhile.
            await connection.execute("set transaction isolation level repeatable read")
            position = await _number(connection, _POSITION, ORDERS)
            await beside.fill(position, progress)
            names = {"live": sql.Identifier(ORDERS), "beside": sql.Identifier(BESIDE)}
            cursor = await connection.execute(sql.SQL(_DIFFERENT).format(**names), (_SHOWN_DIFFERENCES,))
            differences = [Difference(*row) for row in await cursor.fetchall()]
            orders = await _number(connection, "select count(*) from orders")
    return Comparison(position, orders, differences)


async def _number(connection: Connection, query: str, *parameters: object) -> int:
    cursor = await connection.execute(query, parameters or None)
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0
