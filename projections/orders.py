"""The questions asked of the order read model (table `orders`; `order_rows.py` writes it).

One order is read strongly: with the events that its document does not know yet. Lists read the table alone, and may
lag by as much as the projection does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from domain.order.state import INITIAL, Absent, ExistingOrder, Order, evolve
from infra.event_store.arrays import TextArray, UuidArray
from infra.event_store.field_encryption import StreamKey
from infra.event_store.topics import is_of_order
from infra.postgres.gathered import Gathered
from projections.order_document import decode_state

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.postgres.reads import Reads

IN_FLIGHT: Final = ("Submitted", "Scheduled", "Processing")

# One statement, so one snapshot: document, later events and key belong together.
_ONE_BY_ONE = """
select asked.id, o.version, o.document, later.version, later.topics, later.states, k.master_key_id, k.wrapped_key
from unnest(%s) as asked(id)
left join orders o on o.order_id = asked.id
left join lateral (
    select max(e.originator_version) as version,
        array_agg(e.topic order by e.originator_version) as topics,
        array_agg(e.state order by e.originator_version) as states
    from stored_events e
    where e.originator_id = asked.id and e.originator_version > coalesce(o.version, 0)
) later on true
left join stream_keys k on k.originator_id = asked.id
where o.order_id is not null or later.version is not null
"""

_COUNTS = "select status, count(*) from orders where due_at is not null group by status"

_OLDEST_SUBMITTED = "select min(submitted_at) from orders where due_at is not null"

# A status at a time, each in the order of the index.
_DUE = """
select found.order_id, found.status, found.row_version, found.due_at
from unnest(%(statuses)s, %(grace)s::interval[]) as wanted(status, grace)
cross join lateral (
    select o.order_id, o.status, o.row_version, o.due_at + wanted.grace as due_at
    from orders o
    where o.due_at is not null and o.status = wanted.status and o.due_at <= %(now)s - wanted.grace
    order by o.due_at limit %(limit)s
) found
order by found.due_at limit %(limit)s
"""

# The table, and what was submitted that it does not know yet, without what was removed, which it may not know either:
# one snapshot. (Both bounds, so that the planner, whatever the table's size, takes the index.)
_ANY_OF_PARTNER = """
select exists (
    select from orders o
    where o.partner_id = %(partner_id)s and not o.removed and not exists (
        select from stored_events e where e.originator_id = o.order_id and e.topic = 'order.removed.v1'
    )
) or exists (
    select from stored_events e
    where e.notification_id > coalesce((select position from consumer_positions where name = 'orders'), 0)
        and e.notification_id <= (select max(notification_id) from stored_events)
        and e.topic = 'order.submitted.v1'
        and convert_from(e.state, 'UTF8')::json #>> '{data,order,partnerId}' = %(partner_id)s::text
        and not exists (
            select from stored_events r where r.originator_id = e.originator_id and r.topic = 'order.removed.v1'
        )
)
"""


class ReadOrder(NamedTuple):
    """An order as of `version` of its stream. `key`: None where nothing of it is sealed, or the guest was erased."""

    state: ExistingOrder
    version: int
    key: StreamKey | None


class DueOrder(NamedTuple):
    """An order in flight that may be taken up since `due_at`. `row_version`: the position of its last change."""

    order_id: UUID
    status: str
    row_version: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class InFlight:
    """How many orders are in flight, by status, and when the oldest of them was submitted."""

    counts: Mapping[str, int]
    oldest_submitted_at: datetime | None


class _Found(NamedTuple):
    """A row of `_ONE_BY_ONE`, undecoded: what one order's history spoils is its own reader's alone."""

    document_version: int | None
    document: bytes | None
    version: int | None
    topics: list[str] | None
    states: list[bytes] | None
    master_key_id: str | None
    wrapped_key: bytes | None


class OrderReader:
    """Strong reads of single orders: what was committed before the question is seen, wherever the projection is."""

    def __init__(self, reads: Reads, mapper: EventMapper) -> None:
        self._reads = reads
        self._mapper = mapper
        self._gathered: Gathered[UUID, _Found] = Gathered(self._fetch)

    async def get(self, order_id: UUID) -> ReadOrder | None:
        """The order, a removed one too; None where there is none.

        Raises DatabaseUnavailable, and HistoryBroken or UnknownTopic where its events cannot be told.
        """
        found = await self._gathered.get(order_id)
        if found is None or not all(map(is_of_order, found.topics or ())):
            return None  # there is none, or a stream of another kind has this id
        return _read(self._mapper, order_id, found)

    async def _fetch(self, order_ids: Sequence[UUID]) -> dict[UUID, _Found]:
        rows = await self._reads.rows(_ONE_BY_ONE, (UuidArray.of(order_ids),))
        return {row[0]: _Found(*row[1:]) for row in rows}


class OrdersInFlight:
    """Which orders issuance has still to settle: for the sweeper, the admission rule and the status page.

    `pickup`: the cadence at which submitted orders are picked up; before it has passed, none of them is due.
    """

    def __init__(self, reads: Reads, *, pickup: timedelta = timedelta(0)) -> None:
        self._reads = reads
        self._grace = [pickup if status == "Submitted" else timedelta(0) for status in IN_FLIGHT]

    async def counts(self) -> InFlight:
        """Raises DatabaseUnavailable."""
        counts = dict.fromkeys(IN_FLIGHT, 0)
        counts.update(dict(await self._reads.rows(_COUNTS)))
        oldest = await self._reads.rows(_OLDEST_SUBMITTED)
        return InFlight(counts, oldest[0][0])

    async def due(self, now: datetime, limit: int) -> list[DueOrder]:
        """Those due at `now`, the longest due first. Raises DatabaseUnavailable."""
        parameters = {"statuses": TextArray.of(IN_FLIGHT), "grace": self._grace, "now": now, "limit": limit}
        return [DueOrder(*row) for row in await self._reads.rows(_DUE, parameters)]

    async def oldest_due(self, now: datetime) -> datetime | None:
        """Since when the order that has waited longest has been due; None where none is. Raises DatabaseUnavailable."""
        due = await self.due(now, 1)
        return due[0].due_at if due else None


async def any_order_of_partner(reads: Reads, partner_id: UUID) -> bool:
    """Whether any order that is not removed, cancelled ones too, refers to the partner, wherever the projection is.

    Raises DatabaseUnavailable.
    """
    rows = await reads.rows(_ANY_OF_PARTNER, {"partner_id": partner_id})
    return bool(rows[0][0])


def _read(mapper: EventMapper, order_id: UUID, found: _Found) -> ReadOrder:
    state: Order = INITIAL if found.document is None else decode_state(found.document)
    for topic, stored in zip(found.topics or (), found.states or (), strict=True):
        state = evolve(state, mapper.from_row(topic, stored).data)
    if isinstance(state, Absent):
        raise LookupError(order_id)
    key = None
    if found.master_key_id is not None and found.wrapped_key is not None:
        key = StreamKey(order_id, found.master_key_id, found.wrapped_key)
    return ReadOrder(state, found.version or found.document_version or 0, key)
