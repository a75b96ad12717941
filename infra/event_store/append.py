"""What one command saves, and the one server-side call that saves a batch of them (`append_v2`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.event_store.arrays import (
    BoolArray,
    ByteaArray,
    DateArray,
    Int4Array,
    Int8Array,
    TextArray,
    TimeArray,
    UuidArray,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, time
    from uuid import UUID

    from psycopg import AsyncConnection

    from infra.event_store.field_encryption import StreamKey

_ROW_OVERHEAD_BYTES = 64
_SLOT_BYTES = 96

_PARAMETERS = 35
_CALL = (
    "select base, refused, refused_kind, refused_to, refused_at, refused_left"  # noqa: S608 - constants only
    f" from append_v2({', '.join(['%s'] * _PARAMETERS)})"
).encode()


class NewEvent(NamedTuple):
    """A row to insert: `version` is the place in its stream that must still be free."""

    stream: UUID
    version: int
    topic: str
    state: bytes


class IdempotencyRecord(NamedTuple):
    """What an Idempotency-Key was used for. `scope_hash` is unique for 24 hours; both hashes are keyed."""

    scope_hash: bytes
    body_hash: bytes
    order_id: UUID
    order_version: int
    status: int


class SlotTaking(NamedTuple):
    """How many more (or fewer) places of a slot are held and sold. `slot_start`: None is the whole day.

    Where both together rise, they must fit: into `capacity` (None: no limit), or into what an operator set for this
    slot in its place.
    """

    admission: str
    visit_date: date
    slot_start: time | None
    held: int
    sold: int
    capacity: int | None


class CapacityOverride(NamedTuple):
    """What an operator sets for one day or slot in place of the catalog's capacity (None: no limit)."""

    admission: str
    visit_date: date
    slot_start: time | None
    capacity: int | None


class DestroyedNumber(NamedTuple):
    """A number that nobody shows any more. `remembered`: a ticket's or coupon's, which still reads Void."""

    number: str
    remembered: bool


class Append(NamedTuple):
    """All that one command saves, whole or not at all. `events` may be empty where only a record is kept.

    `slots`: places taken and given back, each slot once. `order_id`: whose the numbers are, those `shown`, which must
    be unique among what guests show, and those `destroyed`, which are free again; a number is in one of the two, once.
    `override` has no slots beside it. Any of these needs an event, by which a call sent twice knows its command again.
    """

    command_id: UUID
    events: Sequence[NewEvent]
    keys: Sequence[StreamKey] = ()
    record: IdempotencyRecord | None = None
    slots: Sequence[SlotTaking] = ()
    order_id: UUID | None = None
    shown: Sequence[str] = ()
    destroyed: Sequence[DestroyedNumber] = ()
    override: CapacityOverride | None = None

    @property
    def size(self) -> int:
        """About how many bytes it is in the call."""
        size = _ROW_OVERHEAD_BYTES
        for event in self.events:
            size += len(event.state) + _ROW_OVERHEAD_BYTES
        for number in self.shown:
            size += len(number) + _ROW_OVERHEAD_BYTES
        for destroyed in self.destroyed:
            size += len(destroyed.number) + _ROW_OVERHEAD_BYTES
        return size + len(self.slots) * _SLOT_BYTES


class Appended(NamedTuple):
    """The positions `first` … `first + count - 1` are the command's; None: an earlier call stored it."""

    first: int | None


class Conflict(NamedTuple):
    """Another command stands where this one wanted to. `kind`: `version` (of a stream), `record`, `number`, `places`,
    or `taken` (an override below what is taken).

    `at`: of `number` and `places`, which of the command's own, from 0. `left`: of `places`, how many were free.
    """

    kind: str
    at: int = 0
    left: int = 0


Outcome = Appended | Conflict


_NO_PLACES = (
    *(Int4Array.of([]), TextArray.of([]), DateArray.of([]), TimeArray.of([]), Int8Array.of([]), Int8Array.of([])),
    *(Int4Array.of([]), Int4Array.of([]), TextArray.of([]), DateArray.of([]), TimeArray.of([]), Int4Array.of([])),
)
_NO_NUMBERS = (
    *(Int4Array.of([]), TextArray.of([]), UuidArray.of([])),
    *(Int4Array.of([]), TextArray.of([]), UuidArray.of([]), BoolArray.of([])),
)


class EncodedBatch(NamedTuple):
    """A batch in the form in which it is sent, and sent again: never decided anew."""

    commands: tuple[Append, ...]
    parameters: tuple[object, ...]


def encode(commands: Sequence[Append]) -> EncodedBatch:
    """The parameters of `append_v2`; commands are numbered from 1. Raises ValueError for what no command may be."""
    events = [(number, event) for number, command in enumerate(commands, 1) for event in command.events]
    keys = [(number, key) for number, command in enumerate(commands, 1) for key in command.keys]
    records = [(number, command.record) for number, command in enumerate(commands, 1) if command.record is not None]
    parameters = (
        UuidArray.of([command.command_id for command in commands]),
        Int4Array.of([number for number, _ in events]),
        UuidArray.of([event.stream for _, event in events]),
        Int8Array.of([event.version for _, event in events]),
        TextArray.of([event.topic for _, event in events]),
        ByteaArray.of([event.state for _, event in events]),
        Int4Array.of([number for number, _ in keys]),
        UuidArray.of([key.stream for _, key in keys]),
        TextArray.of([key.master_key_id for _, key in keys]),
        ByteaArray.of([key.wrapped for _, key in keys]),
        Int4Array.of([number for number, _ in records]),
        ByteaArray.of([record.scope_hash for _, record in records]),
        ByteaArray.of([record.body_hash for _, record in records]),
        UuidArray.of([record.order_id for _, record in records]),
        Int8Array.of([record.order_version for _, record in records]),
        Int4Array.of([record.status for _, record in records]),
        *_places(commands),
        *_numbers(commands),
    )
    return EncodedBatch(tuple(commands), parameters)


def _places(commands: Sequence[Append]) -> tuple[object, ...]:
    slots = [(number, slot) for number, command in enumerate(commands, 1) for slot in command.slots]
    overrides = [
        (number, command.override) for number, command in enumerate(commands, 1) if command.override is not None
    ]
    if not slots and not overrides:
        return _NO_PLACES
    if any(commands[number - 1].slots for number, _ in overrides):
        raise ValueError("a capacity is set by a command of its own")
    return (
        Int4Array.of([number for number, _ in slots]),
        TextArray.of([slot.admission for _, slot in slots]),
        DateArray.of([slot.visit_date for _, slot in slots]),
        TimeArray.of([slot.slot_start for _, slot in slots]),
        Int8Array.of([slot.held for _, slot in slots]),
        Int8Array.of([slot.sold for _, slot in slots]),
        Int4Array.with_nulls([slot.capacity for _, slot in slots]),
        Int4Array.of([number for number, _ in overrides]),
        TextArray.of([override.admission for _, override in overrides]),
        DateArray.of([override.visit_date for _, override in overrides]),
        TimeArray.of([override.slot_start for _, override in overrides]),
        Int4Array.with_nulls([override.capacity for _, override in overrides]),
    )


def _numbers(commands: Sequence[Append]) -> tuple[object, ...]:
    shown = [(number, command.order_id, shown) for number, command in enumerate(commands, 1) for shown in command.shown]
    destroyed = [
        (number, command.order_id, destroyed)
        for number, command in enumerate(commands, 1)
        for destroyed in command.destroyed
    ]
    if not shown and not destroyed:
        return _NO_NUMBERS
    return (
        Int4Array.of([number for number, _, _ in shown]),
        TextArray.of([text for _, _, text in shown]),
        UuidArray.of([_known(order_id) for _, order_id, _ in shown]),
        Int4Array.of([number for number, _, _ in destroyed]),
        TextArray.of([freed.number for _, _, freed in destroyed]),
        UuidArray.of([_known(order_id) for _, order_id, _ in destroyed]),
        BoolArray.of([freed.remembered for _, _, freed in destroyed]),
    )


def _known(order_id: UUID | None) -> UUID:
    if order_id is None:
        raise ValueError("numbers are of an order")
    return order_id


async def send(connection: AsyncConnection, batch: EncodedBatch) -> list[Outcome]:
    """Save the batch in one autocommit call; an outcome a command, in their order.

    Raises psycopg.DatabaseError where the whole call was refused, psycopg.OperationalError where the connection broke.
    """
    cursor = await connection.execute(_CALL, batch.parameters, prepare=True, binary=True)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a function with out parameters gives one row
    base, *refusals = row
    conflicts = {number: conflict for number, *conflict in zip(*refusals, strict=True)}
    outcomes: list[Outcome] = []
    position = base + 1
    for number, command in enumerate(batch.commands, 1):
        if number not in conflicts:
            outcomes.append(Appended(position))
            position += len(command.events)
        else:
            kind, stored_by, at, left = conflicts[number]
            # Its own id: an earlier call had saved it, and only the answer was lost.
            outcomes.append(Appended(None) if stored_by == command.command_id else Conflict(kind, at, left))
    return outcomes
