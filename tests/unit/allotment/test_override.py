"""The capacity that an operator sets for one day or slot: what a request may say, and what follows from it."""

from datetime import date, time

import pytest

from domain.allotment.override import (
    INITIAL,
    AllotmentCommand,
    AllotmentEvent,
    AllotmentOverridden,
    AllotmentOverride,
    Overridden,
    OverrideCapacity,
    decide,
    evolve,
)
from domain.allotment.request import CapacityBody, capacity_faults, override_capacity
from domain.catalog.items import Admission, Slot
from domain.reading import Reader
from domain.streams import allotment_stream
from tests.unit.spec import Decider

DAY = date(2026, 12, 1)
TEN = time(10)
MAIN = Admission("MAIN", capacity=500)
TOUR = Admission("TOUR", capacity=20, slots=(Slot(TEN, time(11)), Slot(time(14), time(15))))

override = Decider[AllotmentOverride, AllotmentCommand, AllotmentEvent](INITIAL, evolve, decide)


def _set(capacity: int | None) -> OverrideCapacity:
    return OverrideCapacity("TOUR", DAY, TEN, capacity)


@pytest.mark.parametrize("capacity", [0, 12, None])
def test_a_capacity_is_set_for_the_slot(capacity: int | None) -> None:
    event = AllotmentOverridden("TOUR", DAY, capacity, TEN)
    assert override.given().when(_set(capacity)).then(event) == Overridden(capacity)


@pytest.mark.parametrize("capacity", [0, 12, None])
def test_set_again_to_the_same_nothing_happens(capacity: int | None) -> None:
    override.given(AllotmentOverridden("TOUR", DAY, capacity, TEN)).when(_set(capacity)).then_nothing_happened()


@pytest.mark.parametrize(("before", "after"), [(12, None), (None, 12), (0, None), (12, 13)])
def test_another_capacity_takes_the_place_of_the_one_before(before: int | None, after: int | None) -> None:
    given = override.given(AllotmentOverridden("TOUR", DAY, before, TEN))
    assert given.when(_set(after)).then(AllotmentOverridden("TOUR", DAY, after, TEN)) == Overridden(after)


def test_each_day_and_slot_has_a_stream_of_its_own() -> None:
    named = [("A", DAY, None), ("A", DAY, time(0)), ("A", DAY, TEN), ("A", date(2026, 12, 2), None), ("a", DAY, None)]
    # The same to the eye, but two admissions: places are counted under the very name.
    named += [("\u00c5", DAY, None), ("A\u030a", DAY, None)]
    assert len({allotment_stream(*slot) for slot in named}) == len(named)


# What a request may say


def _faults(body: bytes, admission: Admission) -> list[tuple[str, str]]:
    reading = Reader(CapacityBody).read(body)
    return [(fault.pointer, fault.code) for fault in reading.report(capacity_faults(reading.value, admission)).faults]


@pytest.mark.parametrize(
    ("body", "admission", "faults"),
    [
        (b'{"capacity": 0}', MAIN, []),
        (b'{"capacity": null, "slotStart": null}', MAIN, []),
        (b'{"capacity": 5, "slotStart": "10:00:00"}', TOUR, []),
        (b"{}", MAIN, [("/capacity", "required")]),
        (b"{}", TOUR, [("/capacity", "required"), ("/slotStart", "required")]),
        (
            b'{"slotStart": "10:00:00", "capacity": -1}',
            MAIN,
            [("/slotStart", "no_such_slot"), ("/capacity", "out_of_range")],
        ),
        (b'{"capacity": 1000001}', MAIN, [("/capacity", "out_of_range")]),
        (b'{"capacity": 1.0}', MAIN, [("/capacity", "wrong_type")]),
        (b'{"capacity": 5}', TOUR, [("/slotStart", "required")]),
        (b'{"capacity": 5, "slotStart": null}', TOUR, [("/slotStart", "required")]),
        (b'{"capacity": 5, "slotStart": "10:30:00"}', TOUR, [("/slotStart", "no_such_slot")]),
        (b'{"capacity": 5, "slotStart": "10:00"}', TOUR, [("/slotStart", "bad_format")]),
        (b'{"capacity": 5, "slot": 1}', MAIN, [("/slot", "unknown_field")]),
        (b"[]", MAIN, [("", "wrong_type")]),
    ],
)
def test_every_fault_of_a_request_is_found(body: bytes, admission: Admission, faults: list[tuple[str, str]]) -> None:
    assert _faults(body, admission) == faults


def test_a_request_without_faults_is_a_command() -> None:
    body = Reader(CapacityBody).read(b'{"capacity": null, "slotStart": "10:00:00"}').value
    assert override_capacity(body, "TOUR", DAY) == _set(None)


def test_a_request_with_faults_is_none() -> None:
    body = Reader(CapacityBody).read(b"{}").value
    with pytest.raises(ValueError, match="faults"):
        override_capacity(body, "TOUR", DAY)
