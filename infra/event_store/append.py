"""What one command saves, and the one server-side call that saves a batch of them (`append_v1`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.event_store.arrays import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from infra.event_store.field_encryption import StreamKey

_ROW_OVERHEAD_BYTES = 64

_CALL = """
select base, refused, refused_kind, refused_to from append_v1(
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


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


class Append(NamedTuple):
    """All that one command saves, whole or not at all. `events` may be empty where only a record is kept."""

    command_id: UUID
    events: Sequence[NewEvent]
    keys: Sequence[StreamKey] = ()
    record: IdempotencyRecord | None = None

    @property
    def size(self) -> int:
        """About how many bytes it is in the call."""
        size = _ROW_OVERHEAD_BYTES
        for event in self.events:
            size += len(event.state) + _ROW_OVERHEAD_BYTES
        return size


class Appended(NamedTuple):
    """The positions `first` … `first + count - 1` are the command's; None: an earlier call stored it."""

    first: int | None


class Conflict(NamedTuple):
    """Another command stands where this one wanted to: `kind` is `version` (of a stream) or `record`."""

    kind: str


Outcome = Appended | Conflict


class EncodedBatch(NamedTuple):
    """A batch in the form in which it is sent, and sent again: never decided anew."""

    commands: tuple[Append, ...]
    parameters: tuple[object, ...]


def encode(commands: Sequence[Append]) -> EncodedBatch:
    """The parameters of `append_v1`; commands are numbered from 1."""
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
    )
    return EncodedBatch(tuple(commands), parameters)


async def send(connection: AsyncConnection, batch: EncodedBatch) -> list[Outcome]:
    """Save the batch in one autocommit call; an outcome a command, in their order.

    Raises psycopg.DatabaseError where the whole call was refused, psycopg.OperationalError where the connection broke.
    """
    cursor = await connection.execute(_CALL, batch.parameters, prepare=True, binary=True)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a function with out parameters gives one row
    base, refused, kinds, stored_by = row
    conflicts = {number: (kind, other) for number, kind, other in zip(refused, kinds, stored_by, strict=True)}
    outcomes: list[Outcome] = []
    position = base + 1
    for number, command in enumerate(batch.commands, 1):
        if number not in conflicts:
            outcomes.append(Appended(position))
            position += len(command.events)
        else:
            kind, other = conflicts[number]
            # Its own id: an earlier call had saved it, and only the answer was lost.
            outcomes.append(Appended(None) if other == command.command_id else Conflict(kind))
    return outcomes
