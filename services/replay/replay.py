"""Proves from the log what is kept beside it: the places taken of each slot, and the numbers that guests show.

Log and rows are read in one snapshot of the database, so that a service may go on beside it; nothing is changed. The
snapshot is held open as long as it takes, as that of a dump is. If the process dies, nothing is left behind.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from uuid import UUID

from domain.allotment.standing import UNTOUCHED, Standing
from domain.allotment.taking import VisitSlot
from infra.postgres.connections import translated_faults
from projections.allotments import ALL_STANDINGS, standings_of
from services.replay.fold import OVERRIDDEN, Fold, PastNumber, Row

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.postgres.connections import Connection

MOST_SHOWN: Final = 100
"""So many differences of each kind are named; all are counted."""

_PAGE: Final = 1_000

# A long job on a connection of its own. Each page follows the primary key, whatever the planner thinks of the table.
_PATIENCE: Final = """
select set_config(name, '0', false) from pg_settings
where name in ('transaction_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')
"""
_ALONG_THE_KEY: Final = (
    "select set_config(name, %s, true) from unnest(array['enable_seqscan', 'enable_sort']) as s(name)"
)

_HEAD: Final = "select coalesce(max(notification_id), 0) from stored_events"

_ROWS: Final = """
select originator_id, notification_id, originator_version, topic,
    case when topic like 'order.%%' or topic = %(overridden)s then state end
from stored_events
where (originator_id, originator_version) > (%(stream)s, %(version)s)
order by originator_id, originator_version limit %(limit)s
"""

_NUMBERS_BY_THE_LOG: Final = """
create temporary table numbers_by_the_log (
    number text collate "C" not null, order_id uuid not null, minted_at bigint not null,
    living boolean not null, remembered boolean not null
) on commit drop
"""
_COPY: Final = "copy numbers_by_the_log from stdin (format binary)"
_COPY_TYPES: Final = ("text", "uuid", "int8", "bool", "bool")

# Of several that have shown a number one after the other, the last one's row is there: living, or known to be void.
_LAST: Final = """
create temporary table last_by_the_log on commit drop as
select number, order_id, living from (
    select distinct on (number) * from numbers_by_the_log order by number, minted_at desc
) last where living or remembered
"""
_NUMBERS: Final = "select count(*), count(*) filter (where living) from last_by_the_log"
_DIFFERENT: Final = """
select coalesce(l.number, s.number), s.order_id, s.living, l.order_id, l.living, count(*) over ()
from last_by_the_log l full join shown_numbers s on s.number = l.number
where (s.order_id, s.living) is distinct from (l.order_id, l.living)
order by 1 limit %s
"""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many events were folded, and of how many."""


class SlotDifference(NamedTuple):
    """A slot of which another figure is kept than the log gives."""

    slot: VisitSlot
    kept: Standing
    by_the_log: Standing


class KeptNumber(NamedTuple):
    """Whose a number is. Not `living`: a destroyed ticket's or coupon's."""

    order_id: UUID
    living: bool


class NumberDifference(NamedTuple):
    """A number of which something else is kept than the log gives; None: nothing is."""

    number: str
    kept: KeptNumber | None
    by_the_log: KeptNumber | None


class Replayed(NamedTuple):
    """`position`: the log's last one. `slots`: of which anything is known. `numbers`, `living`: known; of these, alive.

    `differing_slots`, `differing_numbers`: how many there are, of which the first are named.
    """

    position: int
    events: int
    orders: int
    slots: int
    numbers: int
    living: int
    seconds: float
    slot_differences: Sequence[SlotDifference]
    differing_slots: int
    number_differences: Sequence[NumberDifference]
    differing_numbers: int

    @property
    def is_equal(self) -> bool:
        return not self.differing_slots and not self.differing_numbers


async def replay(mapper: EventMapper, connect: Callable[[], Awaitable[Connection]], progress: Progress) -> Replayed:
    """Fold the whole log, and compare. Raises Unreadable where it does not fold, DatabaseUnavailable."""
    began = time.monotonic()
    async with _snapshot(connect) as connection:
        position = await _position(connection)
        fold = Fold(mapper)
        events = 0
        await connection.execute(_NUMBERS_BY_THE_LOG)
        await connection.execute(_ALONG_THE_KEY, ("off",))
        progress(0, position)
        async for rows in _pages(connection):
            await _keep(connection, [number for row in rows for number in fold.take(row)])
            events += len(rows)
            progress(events, position)
        await _keep(connection, fold.end())
        await connection.execute(_ALONG_THE_KEY, ("on",))
        kept = await (await connection.execute(ALL_STANDINGS)).fetchall()
        slots = list(_slot_differences(fold.standings, standings_of(kept)))
        numbers, living, number_differences, differing = await _numbers(connection)
    return Replayed(
        position=position,
        events=events,
        orders=fold.orders,
        slots=len(fold.standings),
        numbers=numbers,
        living=living,
        seconds=time.monotonic() - began,
        slot_differences=slots[:MOST_SHOWN],
        differing_slots=len(slots),
        number_differences=number_differences,
        differing_numbers=differing,
    )


@asynccontextmanager
async def _snapshot(connect: Callable[[], Awaitable[Connection]]) -> AsyncIterator[Connection]:
    """A connection on which every statement sees the database as it was at the first one."""
    connection = await connect()
    try:
        with translated_faults():
            await connection.execute(_PATIENCE)
            async with connection.transaction():
                await connection.execute("set transaction isolation level repeatable read")
                yield connection
    finally:
        await connection.close()


async def _position(connection: Connection) -> int:
    row = await (await connection.execute(_HEAD)).fetchone()
    return int(row[0]) if row is not None else 0


async def _pages(connection: Connection) -> AsyncIterator[list[Row]]:
    stream, version = UUID(int=0), -1
    while True:
        place = {"stream": stream, "version": version, "overridden": OVERRIDDEN, "limit": _PAGE}
        cursor = await connection.execute(_ROWS, place, prepare=True, binary=True)
        rows = [Row(*row) for row in await cursor.fetchall()]
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        stream, version = rows[-1].stream, rows[-1].version


async def _keep(connection: Connection, numbers: Sequence[PastNumber]) -> None:
    if numbers:
        async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_COPY_TYPES)
            for number in numbers:
                await copy.write_row(number)


def _slot_differences(
    by_the_log: Mapping[VisitSlot, Standing], kept: Mapping[VisitSlot, Standing]
) -> Iterator[SlotDifference]:
    """A row in which nothing stands is as good as none."""
    for slot in sorted(by_the_log.keys() | kept.keys(), key=str):
        one, other = kept.get(slot, UNTOUCHED), by_the_log.get(slot, UNTOUCHED)
        if one != other:
            yield SlotDifference(slot, one, other)


async def _numbers(connection: Connection) -> tuple[int, int, list[NumberDifference], int]:
    """How many there are, how many of them live, the first differences, and how many there are of these."""
    await connection.execute(_LAST)
    count = await (await connection.execute(_NUMBERS)).fetchone()
    rows = await (await connection.execute(_DIFFERENT, (MOST_SHOWN,))).fetchall()
    differences = [
        NumberDifference(
            number,
            KeptNumber(kept_of, kept_living) if kept_of is not None else None,
            KeptNumber(order_id, living) if order_id is not None else None,
        )
        for number, kept_of, kept_living, order_id, living, _ in rows
    ]
    numbers, living = count if count is not None else (0, 0)
    return numbers, living, differences, rows[0][-1] if rows else 0
