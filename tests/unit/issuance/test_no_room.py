"""What a partner reads of an order that was sold out: which items, when, and how many places were left."""

from datetime import date, time

import pytest

from domain.allotment.taking import VisitSlot
from domain.issuance.no_room import sold_out
from domain.order.content import ComponentVisit, OrderContent, OrderLine
from tests.unit.issuance.planning import COUPON, DAY, GROUP, MORNING, TICKET, TOUR
from tests.unit.order.bodies import CATALOG

TODAY = VisitSlot("MAIN", DAY, None)
MORNING_TOUR = VisitSlot("TOUR", DAY, time(10))


def message(slot: VisitSlot, left: int, *lines: OrderLine) -> str:
    return sold_out(OrderContent(lines=lines), CATALOG, slot, left)


def test_the_item_the_day_and_what_was_left_are_told() -> None:
    assert message(TODAY, 1, COUPON, TICKET) == (
        "Sold out: item 31001 (line 200000) on 2026-12-01. MAIN has 1 place left then, and the order needs 2. "
        "Nothing was issued: replace the order to ask for another visit or for less, or cancel it."
    )


def test_the_slot_is_told_where_the_admission_is_timed() -> None:
    assert message(MORNING_TOUR, 0, TICKET, TOUR).startswith(
        "Sold out: item 31005 (line 200000) on 2026-12-01 10:00:00-11:00:00. TOUR has 0 places left then, and the "
        "order needs 1. "
    )


def test_all_lines_that_come_to_the_slot_are_told_and_what_they_need_together() -> None:
    text = message(TODAY, 3, TICKET, TOUR, GROUP)
    assert "item 31001 (line 100000), item 31009 (line 300000) on 2026-12-01. MAIN has 3 places left" in text
    assert "the order needs 26" in text


def test_of_many_lines_the_first_are_told() -> None:
    text = message(TODAY, 3, *[TICKET] * 7)
    assert "(line 500000) and 2 more on 2026-12-01" in text
    assert "600000" not in text
    assert "the order needs 14" in text


def test_of_a_package_the_visit_of_the_component_is_told() -> None:
    visit = ComponentVisit("31005", date(2026, 12, 2), time(14, 10))
    package = OrderLine("40001", 2, DAY, MORNING, is_package=True, component_schedule=(visit,))
    text = message(VisitSlot("TOUR", date(2026, 12, 2), time(14)), 1, package)
    assert "item 40001 (line 100000) on 2026-12-02 14:00:00-15:00:00. TOUR has 1 place left then" in text


@pytest.mark.parametrize("left", [0, -4])
def test_where_a_new_catalog_gives_less_than_is_taken_no_place_is_left(left: int) -> None:
    assert "MAIN has 0 places left" in message(TODAY, left, TICKET)
