"""Which places an order takes, and what each change of it does to them."""

from datetime import date, time
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.allotment.taking import SlotChange, VisitSlot, capacity_of, changes, places_needed
from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.order.content import ComponentVisit, OrderContent, OrderLine
from domain.order.events import IssuanceStarted, OrderEvent, RedeemedAsset, TicketsRedeemed
from domain.order.places import Places
from tests.unit.order.examples import CONFIRMED, HISTORIES, IDENTITY, LATER_LEASE, NOW, order

DAY, NEXT_DAY = date(2026, 12, 1), date(2026, 12, 2)
QUARTER = Decimal(25)


def _item(number: str, *admissions: str, group_ticket: bool = False) -> Item:
    return Item(
        number,
        "ticket",
        number,
        Decimal(100),
        QUARTER,
        number_pattern="T[AN*14]",
        group_ticket=group_ticket,
        admissions=admissions,
    )


CATALOG = Catalog(
    venue=Venue(UUID(int=1), "Harbour Museum", "Europe/Copenhagen", "DKK"),
    admissions=(
        Admission("MAIN", capacity=500),
        Admission("GARDEN"),
        Admission("TOUR", capacity=20, slots=(Slot(time(14), time(15)), Slot(time(10), time(11)))),
        Admission("TOWER", capacity=5, slots=(Slot(time(10, 30), time(12)),)),
    ),
    items=(
        _item("day", "MAIN"),
        _item("tour", "MAIN", "TOUR"),
        _item("climb", "TOUR", "TOWER"),
        _item("class", "GARDEN", group_ticket=True),
        Item("coffee", "coupon", "Coffee", Decimal(30), QUARTER, number_pattern="C[AN*14]"),
        Item(
            "package",
            "package",
            "Tour and coffee",
            Decimal(180),
            QUARTER,
            components=(Component("tour", 2), Component("class", 25), Component("coffee", 1)),
        ),
    ),
)


def line(item: str, quantity: int = 1, at: time = time(10, 30), *visits: ComponentVisit) -> OrderLine:
    return OrderLine(item, quantity, DAY, at, component_schedule=visits)


def needed(*lines: OrderLine) -> list[Places]:
    return list(places_needed(OrderContent(lines=lines), CATALOG))


def test_each_ticket_of_a_line_takes_a_place_for_the_day_where_the_admission_is_not_timed() -> None:
    assert needed(line("day", 3)) == [Places("MAIN", DAY, 3)]


def test_a_ticket_takes_a_place_in_each_of_its_admissions_and_in_the_slot_in_which_the_time_lies() -> None:
    assert needed(line("tour", 2, time(14, 59, 59))) == [Places("MAIN", DAY, 2), Places("TOUR", DAY, 2, time(14))]
    assert needed(line("tour", 1, time(10))) == [Places("MAIN", DAY, 1), Places("TOUR", DAY, 1, time(10))]


def test_a_group_ticket_takes_a_place_for_each_of_its_persons() -> None:
    assert needed(line("class", 28)) == [Places("GARDEN", DAY, 28)]


def test_a_coupon_takes_none() -> None:
    assert needed(line("coffee", 5)) == []


def test_a_package_takes_what_its_components_take_with_the_line_where_they_have_no_visit_of_their_own() -> None:
    assert needed(line("package", 3)) == [
        Places("GARDEN", DAY, 75),
        Places("MAIN", DAY, 6),
        Places("TOUR", DAY, 6, time(10)),
    ]


def test_a_component_takes_its_places_at_the_visit_in_the_schedule() -> None:
    assert needed(line("package", 3, time(10, 30), ComponentVisit("tour", NEXT_DAY, time(14, 15)))) == [
        Places("GARDEN", DAY, 75),
        Places("MAIN", NEXT_DAY, 6),
        Places("TOUR", NEXT_DAY, 6, time(14)),
    ]


def test_what_several_lines_take_of_a_slot_is_one_sum() -> None:
    assert needed(line("tour", 2), line("day", 3), line("climb", 4)) == [
        Places("MAIN", DAY, 5),
        Places("TOUR", DAY, 6, time(10)),
        Places("TOWER", DAY, 4, time(10, 30)),
    ]


def test_nothing_is_counted_of_an_item_that_is_gone_or_of_a_time_outside_the_slots() -> None:
    assert needed(line("gone", 7), line("tour", 7, time(11)), line("climb", 7, time(10)), line("day")) == [
        Places("MAIN", DAY, 1)
    ]


@pytest.mark.parametrize(
    ("admission", "start", "capacity"),
    [("MAIN", None, 500), ("TOUR", time(14), 20), ("GARDEN", None, None)],
)
def test_the_capacity_of_a_slot_is_its_admissions(admission: str, start: time | None, capacity: int | None) -> None:
    assert capacity_of(VisitSlot(admission, DAY, start), CATALOG) == capacity


def test_an_admission_that_the_catalog_does_not_have_is_not_one_without_a_limit() -> None:
    with pytest.raises(KeyError):
        capacity_of(VisitSlot("GONE", DAY, None), CATALOG)


# What a change does

TOUR = VisitSlot("TOUR", DAY, time(10))
MAIN = VisitSlot("MAIN", DAY, None)
HELD = (Places("MAIN", DAY, 5), Places("TOUR", DAY, 2, time(10)))


def holding(history: tuple[OrderEvent, ...], places: tuple[Places, ...] = HELD) -> tuple[OrderEvent, ...]:
    """The same history with places taken at its start."""
    return tuple(
        replace(event, places=places, catalog_version=3) if isinstance(event, IssuanceStarted) else event
        for event in history
    )


TAKEN = [SlotChange(MAIN, 5, 0), SlotChange(TOUR, 2, 0)]
SOLD = [SlotChange(MAIN, -5, 5), SlotChange(TOUR, -2, 2)]
GIVEN_BACK = [SlotChange(MAIN, -5, 0), SlotChange(TOUR, -2, 0)]
RETURNED = [SlotChange(MAIN, 0, -5), SlotChange(TOUR, 0, -2)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Absent", "Submitted", []),
        ("Submitted", "Scheduled", []),
        ("Submitted", "Processing", TAKEN),
        ("Scheduled", "Processing", TAKEN),
        ("Processing", "Draft", []),
        ("Processing", "Issued", SOLD),
        ("Processing", "Error", GIVEN_BACK),
        ("Draft", "Issued", SOLD),
        ("Draft", "Submitted", GIVEN_BACK),  # replaced
        ("Draft", "Removed", GIVEN_BACK),
        ("Issued", "Cancelled", RETURNED),
        ("Error", "Submitted", []),
        ("Error", "Removed", []),
    ],
)
def test_what_a_step_takes_or_gives_back(before: str, after: str, expected: list[SlotChange]) -> None:
    states = {status: order.after(holding(history)) for status, history in HISTORIES.items()}
    assert list(changes(states[before], states[after])) == expected


def test_a_confirmation_sells_what_was_held() -> None:
    assert list(changes(order.after(holding(HISTORIES["Draft"])), order.after(holding(CONFIRMED)))) == SOLD


def test_a_job_that_is_put_off_or_taken_up_again_keeps_its_places() -> None:
    state = order.after(holding(HISTORIES["Processing"]))
    assert changes(state, replace(state, attempt=1, lease=LATER_LEASE)) == ()


def test_a_ticket_that_is_used_stays_sold() -> None:
    issued = order.after(holding(HISTORIES["Issued"]))
    redeemed = TicketsRedeemed(IDENTITY, 1, (RedeemedAsset(UUID(int=12), 1),), NOW)
    assert changes(issued, order.after([redeemed], issued)) == ()


def test_an_order_that_took_none_gives_none_back() -> None:
    before, after = order.after(HISTORIES["Draft"]), order.after(HISTORIES["Removed"])
    assert changes(before, after) == ()


def test_a_step_over_several_states_is_one_change() -> None:
    """Sold out: it was started without places, and failed, in one save."""
    assert changes(order.after(HISTORIES["Submitted"]), order.after(HISTORIES["Error"])) == ()
    both = changes(order.after(HISTORIES["Submitted"]), order.after(holding(HISTORIES["Issued"])))
    assert list(both) == [SlotChange(MAIN, 0, 5), SlotChange(TOUR, 0, 2)]


def test_places_of_the_same_slot_before_and_after_are_one_difference() -> None:
    less = (Places("MAIN", DAY, 3),)
    before = order.after(holding(HISTORIES["Processing"]))
    after = order.after(holding(HISTORIES["Processing"], less))
    assert list(changes(before, after)) == [SlotChange(MAIN, -2, 0), SlotChange(TOUR, -2, 0)]
