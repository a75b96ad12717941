"""The one server-side call that saves a batch of commands (`append_v2`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.event_store.append import Append
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
from infra.event_store.outcomes import (
    Appended,
    CapacityBelowTaken,
    Conflict,
    NumberTaken,
    Outcome,
    RecordTaken,
    TooFewPlaces,
    VersionTaken,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

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
    refused = {number: refusal for number, *refusal in zip(*refusals, strict=True)}
    outcomes: list[Outcome] = []
    position = base + 1
    for number, command in enumerate(batch.commands, 1):
        if number not in refused:
            outcomes.append(Appended(position))
            position += len(command.events)
        else:
            kind, stored_by, at, left = refused[number]
            # Its own id: an earlier call had saved it, and only the answer was lost.
            outcomes.append(Appended(None) if stored_by == command.command_id else _conflict(kind, at, left))
    return outcomes


def _conflict(kind: str, at: int, left: int) -> Conflict:
    match kind:
        case "version":
            return VersionTaken()
        case "record":
            return RecordTaken()
        case "number":
            return NumberTaken(at)
        case "places":
            return TooFewPlaces(at, left)
        case "taken":
            return CapacityBelowTaken()
        case _:
            raise AssertionError(f"append_v2 gives no {kind}")


_CALL = (
    "select base, refused, refused_kind, refused_to, refused_at, refused_left"  # noqa: S608 - constants only
    f" from append_v2({', '.join(['%s'] * len(encode([]).parameters))})"
).encode()
