"""Writes the order read model: a page of the log into the rows of the orders that it concerns.

Every statement here runs in the transaction that moves the projection's position; it is at no page twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import structlog
from psycopg import sql

from domain.order.state import Removed
from infra.event_store.arrays import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray
from projections.order_document import (
    OrderDocument,
    decode_state,
    due_at,
    encode_state,
    project,
    summary,
)
from projections.parked import LATER, Poison, park, reason

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import LogRow
    from infra.postgres.connections import Connection

ORDERS = "orders"
_ORDER_TOPICS = "order."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_KNOWN = """
select asked.stream, o.version, o.row_version, o.submitted_at, o.document,
    exists (select from parked_events p where p.projection = %s and p.stream = asked.stream)
from unnest(%s) as asked(stream) left join {table} o on o.order_id = asked.stream
"""

# Moments travel as microseconds: an array of them is then one of numbers, which is encoded without a loop.
_STORE = """
insert into {table} as known (
    order_id, partner_id, sell_to_order_reference, buy_from_order_reference, received_at, status, removed, version,
    row_version, submitted_at, due_at, summary, document
)
select new.order_id, new.partner_id, new.sell_to_order_reference, new.buy_from_order_reference,
    timestamptz 'epoch' + new.received_at * interval '1 microsecond', new.status, new.removed <> 0, new.version,
    new.row_version, timestamptz 'epoch' + new.submitted_at * interval '1 microsecond',
    case when new.due_at <> 0 then timestamptz 'epoch' + new.due_at * interval '1 microsecond' end,
    new.summary, new.document
from unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) as new(
    order_id, partner_id, sell_to_order_reference, buy_from_order_reference, received_at, status, removed, version,
    row_version, submitted_at, due_at, summary, document
)
on conflict (order_id) do update set
    status = excluded.status, removed = excluded.removed, version = excluded.version,
    row_version = excluded.row_version, submitted_at = excluded.submitted_at, due_at = excluded.due_at,
    summary = excluded.summary, document = excluded.document
"""

_log = structlog.get_logger()


class Folded(NamedTuple):
    """What a page makes of the orders that it concerns, and its events that cannot be applied."""

    documents: dict[UUID, OrderDocument]
    poisons: list[Poison]


class OrderRows:
    """The table of orders, or one made beside it. `name`: of the projection, by which events are parked."""

    def __init__(self, mapper: EventMapper, *, table: str = ORDERS, name: str = ORDERS) -> None:
        self.name = name
        self._mapper = mapper
        self._known = sql.SQL(_KNOWN).format(table=sql.Identifier(table))
        self._store = sql.SQL(_STORE).format(table=sql.Identifier(table))

    async def apply(self, connection: Connection, rows: Sequence[LogRow]) -> None:
        """Bring the rows of the orders that the page concerns up to date, in the caller's transaction.

        What cannot be applied is parked. Raises psycopg.DataError where PostgreSQL refuses a row.
        """
        streams: dict[UUID, list[LogRow]] = {}
        for row in rows:
            if row.topic.startswith(_ORDER_TOPICS):
                streams.setdefault(row.stream, []).append(row)
        if not streams:
            return
        documents, parked = await self._documents(connection, streams)
        folded = fold(self._mapper, streams, documents, parked)
        if folded.documents:
            await connection.execute(self._store, _columns(folded.documents), prepare=True, binary=True)
        await self.park(connection, folded.poisons)

    async def park(self, connection: Connection, poisons: Sequence[Poison]) -> None:
        """Set events aside, in the transaction that passes over them; they are logged for an operator."""
        if not poisons:
            return
        await park(connection, self.name, poisons)
        for row, error in poisons:
            if error is not LATER:
                _log.error(
                    "event_parked",
                    projection=self.name,
                    position=row.position,
                    stream=str(row.stream),
                    version=row.version,
                    topic=row.topic,
                    error=error,
                )

    async def _documents(
        self, connection: Connection, streams: dict[UUID, list[LogRow]]
    ) -> tuple[dict[UUID, OrderDocument], set[UUID]]:
        """The documents of these orders as they stand, and which of them are parked."""
        # An order whose first event is in the page has neither.
        asked = [stream for stream, rows in streams.items() if rows[0].version != 1]
        documents: dict[UUID, OrderDocument] = {}
        parked: set[UUID] = set()
        if asked:
            cursor = await connection.execute(self._known, (self.name, UuidArray.of(asked)), prepare=True, binary=True)
            for stream, version, row_version, submitted_at, document, is_parked in await cursor.fetchall():
                if is_parked:
                    parked.add(stream)
                elif document is not None:
                    documents[stream] = OrderDocument(decode_state(document), version, row_version, submitted_at)
        return documents, parked


def fold(
    mapper: EventMapper, streams: dict[UUID, list[LogRow]], documents: dict[UUID, OrderDocument], parked: set[UUID]
) -> Folded:
    """Fold each stream's events, in the order of their versions, onto its document.

    An event that cannot be applied is set aside with all that follow it; what came before it stands.
    """
    changed: dict[UUID, OrderDocument] = {}
    poisons: list[Poison] = []
    for stream, rows in streams.items():
        broken = stream in parked
        document = documents.get(stream)
        for row in rows:
            if broken:
                poisons.append(Poison(row, LATER))
                continue
            try:
                stored = mapper.from_row(row.topic, row.state)
                document = project(document, stored.data, stored.metadata, row.position, row.version)
            except Exception as error:  # of whatever kind: one event must never stop all others
                broken = True
                poisons.append(Poison(row, reason(error)))
            else:
                changed[stream] = document
    return Folded(changed, poisons)


def _columns(documents: dict[UUID, OrderDocument]) -> tuple[Any, ...]:
    changed = documents.values()
    states = [document.state for document in changed]
    orders = [state.order for state in states]
    return (
        UuidArray.of(list(documents)),
        UuidArray.of([order.partner_id for order in orders]),
        TextArray.of([order.sell_to_order_reference for order in orders]),
        TextArray.of([order.buy_from_order_reference for order in orders]),
        Int8Array.of([_microseconds(order.received_at) for order in orders]),
        TextArray.of([state.status for state in states]),
        Int4Array.of([isinstance(state, Removed) for state in states]),
        Int8Array.of([document.version for document in changed]),
        Int8Array.of([document.row_version for document in changed]),
        Int8Array.of([_microseconds(document.submitted_at) for document in changed]),
        Int8Array.of([_microseconds(due) if (due := due_at(document)) else 0 for document in changed]),
        ByteaArray.of([encode_state(summary(state)) for state in states]),
        ByteaArray.of([encode_state(state) for state in states]),
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
