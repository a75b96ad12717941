"""What one command saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, time
    from uuid import UUID

    from infra.event_store.field_encryption import StreamKey

_ROW_OVERHEAD_BYTES = 64
_SLOT_BYTES = 96


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
