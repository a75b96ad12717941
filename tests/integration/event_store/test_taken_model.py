"""Places and numbers, by `append_v2` on a real PostgreSQL and by the model: the same answers, and the same rows.

Batches of orders that are picked up, issued, cancelled and refused, and of operators who set capacities; some are sent
again, as after a lost answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from infra.event_store.append import Append, CapacityOverride, DestroyedNumber, NewEvent, SlotTaking
from infra.event_store.append_call import encode, send
from infra.event_store.outcomes import Appended, Outcome
from infra.postgres.connections import Connection, connect

from .saving import rows
from .taken_model import Slot, Store, Taken

DAYS = (date(1999, 12, 31), date(2027, 5, 17))
SLOTS = [Slot("MAIN", DAYS[0], None), Slot("MAIN", DAYS[1], None)]
SLOTS += [Slot("TOUR", DAYS[1], start) for start in (None, time(0), time(10, 30), time(23, 59, 59, 999_999))]
NUMBERS = tuple("ABCDEF")

CAPACITIES = st.none() | st.integers(0, 8)
COUNTS = st.integers(1, 3)


class Servant:
    """Runs a session's calls on a loop of its own."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self.session: Connection = self._runner.run(connect(dsn, application_name="test", for_writing=True))

    def empty(self) -> None:
        self._runner.run(self._empty())

    async def _empty(self) -> None:
        await self.session.execute("truncate stored_events, allotments, shown_numbers")

    def save(self, batch: list[Append]) -> list[Outcome]:
        return self._runner.run(send(self.session, encode(batch)))

    def slots(self) -> dict[Slot, Taken]:
        found = self._runner.run(
            rows(
                self.session,
                "select admission, visit_date, nullif(slot_start, '24:00'), held, sold, overridden, capacity"
                " from allotments",
            )
        )
        return {
            Slot(admission, day, start): Taken(held, sold, capacity if overridden else "catalog")
            for admission, day, start, held, sold, overridden, capacity in found
        }

    def numbers(self) -> dict[str, tuple[UUID, bool]]:
        found = self._runner.run(rows(self.session, "select number, order_id, living from shown_numbers"))
        return {number: (order_id, living) for number, order_id, living in found}

    def close(self) -> None:
        self._runner.run(self.session.close())
        self._runner.close()


@dataclass
class Known:
    """An order, or the history of a slot's capacity, as its stream tells it."""

    stream: UUID = field(default_factory=uuid4)
    version: int = 0
    holds: dict[Slot, tuple[int, int]] = field(default_factory=dict)
    shows: set[str] = field(default_factory=set)

    def next(self) -> NewEvent:
        return NewEvent(self.stream, self.version + 1, "order.scheduled.v1", b"{}")

    def happened(self, command: Append) -> None:
        self.version += 1
        for slot in command.slots:
            held, sold = self.holds.pop(Slot.of(slot), (0, 0))
            if (after := (held + slot.held, sold + slot.sold)) != (0, 0):
                self.holds[Slot.of(slot)] = after
        self.shows |= set(command.shown)
        self.shows -= {destroyed.number for destroyed in command.destroyed}


class TakenMachine(RuleBasedStateMachine):
    servants: ClassVar[list[Servant]]

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.known = [Known() for _ in range(7)]
        self.capacities = {slot: Known() for slot in SLOTS}
        self.sent: list[list[Append]] = []
        self.servants[0].empty()

    @rule(data=st.data(), at=st.sampled_from([0, 1]))
    def save(self, data: st.DataObject, at: int) -> None:
        free = set(NUMBERS)  # each once in a batch, as the group commit sees to
        orders = data.draw(st.lists(st.sampled_from(self.known), max_size=7, unique_by=lambda order: order.stream))
        batch = []
        for order in orders:
            command = self._step(data, order, free)
            free -= {*command.shown, *(destroyed.number for destroyed in command.destroyed)}
            batch.append(command)
        for slot in data.draw(st.lists(st.sampled_from(SLOTS), max_size=2, unique=True)):
            event = self.capacities[slot].next()
            override = CapacityOverride(*slot, data.draw(CAPACITIES))
            batch.insert(data.draw(st.integers(0, len(batch))), Append(uuid4(), [event], override=override))
        if batch:
            self.sent.append(batch)
            self._send(batch, at)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), at=st.sampled_from([0, 1]))
    def send_again(self, data: st.DataObject, at: int) -> None:
        self._send(data.draw(st.sampled_from(self.sent[-3:])), at)

    def _send(self, batch: list[Append], at: int) -> None:
        outcomes = self.servants[at].save(batch)
        assert outcomes == self.store.save(batch)
        streams = {known.stream: known for known in (*self.known, *self.capacities.values())}
        for command, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Appended) and outcome.first is not None:
                streams[command.events[0].stream].happened(command)

    def _step(self, data: st.DataObject, order: Known, free: set[str]) -> Append:
        """One that is decided on what the order is, or on what it was."""
        event = order.next()
        if order.version and data.draw(st.sampled_from([False, False, False, True])):
            event = event._replace(version=order.version)
        slots: list[SlotTaking] = []
        destroyed: list[DestroyedNumber] = []
        shown: list[str] = []
        kind = data.draw(st.sampled_from(["take", "sell", "give back"] if order.holds else ["take"]))
        if kind == "take":
            wanted = data.draw(st.lists(st.sampled_from(SLOTS), min_size=1, max_size=3, unique=True))
            slots = [
                SlotTaking(*slot, data.draw(COUNTS), data.draw(st.integers(0, 1)), data.draw(CAPACITIES))
                for slot in wanted
            ]
        else:
            for slot, (held, sold) in order.holds.items():
                kept = held if kind == "sell" else -sold
                slots.append(SlotTaking(*slot, -held, kept, data.draw(CAPACITIES)))
        if kind == "give back":
            # Some of what it shows, and what it may have shown once.
            gone = data.draw(st.lists(st.sampled_from(NUMBERS), max_size=4, unique=True))
            destroyed = [DestroyedNumber(number, data.draw(st.booleans())) for number in gone if number in free]
        elif free:
            shown = data.draw(st.lists(st.sampled_from(sorted(free)), max_size=2, unique=True))
        return Append(uuid4(), [event], slots=slots, order_id=order.stream, shown=shown, destroyed=destroyed)

    @invariant()
    def the_rows_are_the_models(self) -> None:
        assert self.servants[0].slots() == self.store.slots
        assert self.servants[0].numbers() == self.store.numbers

    @invariant()
    def the_rows_are_what_the_orders_have(self) -> None:
        for slot, taken in self.store.slots.items():
            held = sum(order.holds.get(slot, (0, 0))[0] for order in self.known)
            sold = sum(order.holds.get(slot, (0, 0))[1] for order in self.known)
            assert (taken.held, taken.sold) == (held, sold)
            assert not isinstance(taken.capacity, int) or held + sold <= taken.capacity
        for order in self.known:
            assert all(self.store.numbers[number] == (order.stream, True) for number in order.shows)


@pytest.fixture
def servants(any_dsn: str) -> Iterator[list[Servant]]:
    """Two sessions, as two processes have them."""
    opened = [Servant(any_dsn), Servant(any_dsn)]
    yield opened
    for servant in opened:
        servant.close()


def test_the_same_as_by_the_rules(servants: list[Servant]) -> None:
    opened = servants

    class OnThese(TakenMachine):
        servants = opened

    run_state_machine_as_test(OnThese, settings=settings(max_examples=30, stateful_step_count=15))
