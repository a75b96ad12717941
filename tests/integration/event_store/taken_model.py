"""What `append_v2` does with places and numbers, in plain Python: one command after the other, by the rules alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Literal, NamedTuple
from uuid import UUID

from infra.event_store.append import Append, CapacityOverride, SlotTaking
from infra.event_store.outcomes import Appended, CapacityBelowTaken, NumberTaken, Outcome, TooFewPlaces, VersionTaken


class Slot(NamedTuple):
    admission: str
    visit_date: date
    slot_start: time | None

    @classmethod
    def of(cls, named: SlotTaking | CapacityOverride) -> Slot:
        return cls(named.admission, named.visit_date, named.slot_start)


class Taken(NamedTuple):
    """`capacity`: what an operator has set, None for no limit."""

    held: int = 0
    sold: int = 0
    capacity: int | Literal["catalog"] | None = "catalog"


@dataclass
class Store:
    slots: dict[Slot, Taken] = field(default_factory=dict)
    numbers: dict[str, tuple[UUID, bool]] = field(default_factory=dict)
    stored_by: dict[tuple[UUID, int], UUID] = field(default_factory=dict)

    def save(self, batch: Sequence[Append]) -> list[Outcome]:
        return [self._save(command) for command in batch]

    def _save(self, command: Append) -> Outcome:
        for event in command.events:
            if (other := self.stored_by.get((event.stream, event.version))) is not None:
                return Appended(None) if other == command.command_id else VersionTaken()
        for at, number in enumerate(command.shown):
            if self.numbers.get(number, (None, False))[1]:
                return NumberTaken(at)
        if (override := command.override) is not None:
            taken = self.slots.get(Slot.of(override), Taken())
            if override.capacity is not None and taken.held + taken.sold > override.capacity:
                return CapacityBelowTaken()
            self.slots[Slot.of(override)] = taken._replace(capacity=override.capacity)
        for at, slot in enumerate(command.slots):
            taken = self.slots.get(Slot.of(slot), Taken())
            capacity = slot.capacity if taken.capacity == "catalog" else taken.capacity
            rise, left = slot.held + slot.sold, None if capacity is None else capacity - taken.held - taken.sold
            if left is not None and rise > max(left, 0):
                return TooFewPlaces(at, max(left, 0))
        self._take(command.slots)
        self._show(command)
        first = len(self.stored_by) + 1
        for event in command.events:
            self.stored_by[event.stream, event.version] = command.command_id
        return Appended(first)

    def _take(self, slots: Iterable[SlotTaking]) -> None:
        for slot in slots:
            held, sold, capacity = self.slots.get(Slot.of(slot), Taken())
            self.slots[Slot.of(slot)] = Taken(held + slot.held, sold + slot.sold, capacity)

    def _show(self, command: Append) -> None:
        for number in command.shown:
            assert command.order_id is not None
            self.numbers[number] = command.order_id, True
        for number, remembered in command.destroyed:
            if command.order_id is not None and self.numbers.get(number) == (command.order_id, True):
                del self.numbers[number]
                if remembered:
                    self.numbers[number] = command.order_id, False
