"""Orders in the event store: loaded by folding their events, saved as what a command decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain import references
from domain.allotment.taking import capacity_of, changes
from domain.order.shown_numbers import number_changes
from domain.order.state import INITIAL, Order, evolve
from infra.event_store.append import Append, DestroyedNumber, IdempotencyRecord, NewEvent, SlotTaking
from infra.event_store.topics import is_of_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from domain.catalog.items import Catalog
    from domain.order.events import OrderEvent
    from infra.event_store.field_encryption import FieldCipher, KeyRing, StreamKey
    from infra.event_store.mapper import EventMapper, Metadata
    from infra.event_store.recorder import LogRow, Recorder
    from services.ordering.context import CommandContext


class LoadedOrder(NamedTuple):
    """An order as of `version` (0: nothing has happened). `last`: the making of its newest event."""

    order_id: UUID
    state: Order
    version: int
    key: StreamKey | None
    last: Metadata | None


class LoadedReference(NamedTuple):
    """A partner's order reference as of `version`."""

    stream: UUID
    state: references.Reference
    version: int


class SavedOrder(NamedTuple):
    """An order as a command left it. `cipher` opens what it holds of the guest."""

    order_id: UUID
    state: Order
    version: int
    cipher: FieldCipher | None


class ReferenceEvents(NamedTuple):
    """What a command decided for the order's reference, and where that stream stood."""

    reference: LoadedReference
    events: Sequence[references.ReferenceEvent]


class Orders:
    """Loads orders, and makes of decided events what the event store saves."""

    def __init__(self, recorder: Recorder, mapper: EventMapper, keys: KeyRing) -> None:
        self._recorder = recorder
        self._mapper = mapper
        self._keys = keys

    async def load(self, order_ids: Sequence[UUID], *, with_keys: bool = True) -> dict[UUID, LoadedOrder]:
        """Whole orders by id, in one query or two; one that does not exist is Absent at version 0."""
        streams = await self._recorder.streams(order_ids)
        keys = await self._recorder.keys(order_ids) if with_keys else {}
        return {order_id: self._fold(order_id, rows, keys) for order_id, rows in streams.items()}

    async def load_one(self, order_id: UUID) -> LoadedOrder:
        return (await self.load([order_id]))[order_id]

    async def load_as_of(self, order_id: UUID, version: int) -> LoadedOrder:
        """The order as it was at `version`."""
        rows = (await self._recorder.streams([order_id]))[order_id]
        return self._fold(order_id, rows[:version], await self._recorder.keys([order_id]))

    async def load_reference(self, stream: UUID) -> LoadedReference:
        rows = (await self._recorder.streams([stream]))[stream]
        state: references.Reference = references.INITIAL
        for row in rows:
            state = references.evolve(state, self._mapper.from_row(row.topic, row.state).data)
        return LoadedReference(stream, state, len(rows))

    def new_key(self, order_id: UUID) -> tuple[FieldCipher, StreamKey]:
        return self._keys.new_stream_key(order_id)

    def cipher(self, loaded: LoadedOrder) -> FieldCipher | None:
        """None where the key is gone: what it sealed reads Redacted."""
        return self._keys.cipher(loaded.key) if loaded.key is not None else None

    def append(
        self,
        loaded: LoadedOrder,
        events: Sequence[OrderEvent],
        after: Order,
        context: CommandContext,
        *,
        catalog: Catalog | None = None,
        cipher: FieldCipher | None = None,
        new_key: StreamKey | None = None,
        reference: ReferenceEvents | None = None,
        record: IdempotencyRecord | None = None,
    ) -> Append:
        """All that the command saves: the order's events, its reference's, its key, its Idempotency-Key; and what of
        places and numbers follows from the order's state before and after it.

        `after`: the order as the events leave it. `catalog`: by which places are counted, where it takes some.
        """
        metadata = self._mapper.metadata(context.metadata())
        rows: list[NewEvent] = []
        version = loaded.version
        for event in events:
            version += 1
            rows.append(NewEvent(loaded.order_id, version, *self._mapper.to_row(event, metadata, cipher)))
        if reference is not None:
            at = reference.reference.version
            for reference_event in reference.events:
                at += 1
                row = self._mapper.to_row(reference_event, metadata, None)
                rows.append(NewEvent(reference.reference.stream, at, *row))
        numbers = number_changes(loaded.state, after)
        return Append(
            context.command_id,
            rows,
            (new_key,) if new_key is not None else (),
            record,
            _takings(loaded.state, after, catalog),
            loaded.order_id,
            [number.number for number in numbers.minted],
            [DestroyedNumber(number.number, number.kind == "asset") for number in numbers.destroyed],
        )

    def _fold(self, order_id: UUID, rows: Iterable[LogRow], keys: Mapping[UUID, StreamKey]) -> LoadedOrder:
        state: Order = INITIAL
        version = 0
        last = None
        for row in rows:
            if not is_of_order(row.topic):
                break  # a stream of another kind: no order has this id
            stored = self._mapper.from_row(row.topic, row.state)
            state = evolve(state, stored.data)
            version = row.version
            last = stored.metadata
        return LoadedOrder(order_id, state, version, keys.get(order_id), last)


def folded(loaded: LoadedOrder, events: Sequence[OrderEvent], cipher: FieldCipher | None) -> SavedOrder:
    """The order after events that were just saved."""
    state = loaded.state
    for event in events:
        state = evolve(state, event)
    return SavedOrder(loaded.order_id, state, loaded.version + len(events), cipher)


def _takings(before: Order, after: Order, catalog: Catalog | None) -> list[SlotTaking]:
    takings = []
    for slot, held, sold in changes(before, after):
        capacity = None
        if held + sold > 0:
            if catalog is None:
                raise ValueError("an order takes places, and no catalog says how many there are")
            capacity = capacity_of(slot, catalog)
        takings.append(SlotTaking(slot.admission, slot.visit_date, slot.slot_start, held, sold, capacity))
    return takings
