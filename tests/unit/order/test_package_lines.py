"""Lines of packages: what is said of when each component is visited, and what a package is sold by."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.order.bodies import CATALOG, faults, line, order


def entry(item: str = "31005", date: str = "2026-12-01", time: str = "14:30:00") -> dict[str, Any]:
    return {"itemNumber": item, "visitDate": date, "visitTime": time}


def package_faults(**changes: Any) -> list[tuple[str, str]]:
    """Those of a line that is a package."""
    found = faults(order(items=[line(itemNumber="40001", **changes)]))
    return [(pointer.removeprefix("/items/0/"), code) for pointer, code in found]


@pytest.mark.parametrize("place", ["componentSchedule", "wallet/componentSchedule"])
def test_a_schedule_is_taken_in_two_places(place: str) -> None:
    def at_place(*entries: Any) -> dict[str, Any]:
        return {place: entries} if place == "componentSchedule" else {"wallet": {"componentSchedule": entries}}

    assert package_faults(**at_place(entry(), entry("33001"))) == []
    assert package_faults(**at_place(entry(), entry(time="10:00:00"))) == [(f"{place}/1/itemNumber", "duplicate")]
    assert package_faults(**at_place(entry("31001"))) == [(f"{place}/0/itemNumber", "not_a_component")]
    assert package_faults(**at_place(entry(time="12:00:00"))) == [(f"{place}/0/visitTime", "no_such_slot")]
    assert package_faults(**at_place(entry(date="2026-12-25"))) == [(f"{place}/0/visitDate", "closed_day")]
    assert package_faults(**at_place(entry("33001", date="2020-01-01"))) == [(f"{place}/0/visitDate", "past_date")]
    assert faults(order(items=[line(**at_place(entry()))])) == [(f"/items/0/{place}", "not_a_package")]


def test_a_schedule_in_both_places_is_a_duplicate() -> None:
    both = {"wallet": {"componentSchedule": [entry()]}, "componentSchedule": [entry()]}
    assert package_faults(**both) == [("componentSchedule", "duplicate")]
    assert package_faults(wallet={"componentSchedule": []}, componentSchedule=[entry()]) == []


def test_what_is_faulty_in_a_schedule_is_said_once() -> None:
    wrong = [7, {**entry(), "itemNumber": ""}, {"itemNumber": "31005"}]
    assert package_faults(componentSchedule=wrong) == [
        ("componentSchedule/0", "wrong_type"),
        ("componentSchedule/1/itemNumber", "too_short"),
        ("componentSchedule/2/visitDate", "required"),
        ("componentSchedule/2/visitTime", "required"),
    ]
    assert package_faults(componentSchedule={}) == [("componentSchedule", "wrong_type")]


def test_a_component_without_a_visit_of_its_own_is_visited_with_the_line() -> None:
    assert package_faults(visitTime="12:00:00") == [("visitTime", "no_such_slot")]
    assert package_faults(visitTime="12:00:00", componentSchedule=[entry()]) == []
    assert package_faults(visitDate="2020-01-01") == [("visitDate", "past_date")]
    assert package_faults(visitDate="2026-12-25") == [("visitDate", "closed_day")]
    assert package_faults(visitDate="2026-12-25", componentSchedule=[entry()]) == []


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ({"componentSchedule": "x"}, "componentSchedule"),
        ({"wallet": "x"}, "wallet"),
        ({"wallet": {"componentSchedule": "x"}}, "wallet/componentSchedule"),
    ],
)
def test_where_the_schedule_cannot_be_read_nothing_is_said_of_what_it_might_leave_out(
    broken: dict[str, Any], place: str
) -> None:
    assert package_faults(visitTime="12:00:00", **broken) == [(place, "wrong_type")]


def test_a_package_is_sold_on_its_own_days_whatever_is_said_of_its_components() -> None:
    tour, package = CATALOG.items[1], CATALOG.items[4]
    sold = replace(package, sale_from=date(2026, 12, 1), sale_to=date(2026, 12, 31))
    ended = replace(tour, sale_to=date(2020, 1, 1))
    catalog = replace(CATALOG, items=(ended, CATALOG.items[3], sold))

    def found(**changes: Any) -> list[tuple[str, str]]:
        return faults(order(items=[line(itemNumber="40001", **changes)]), catalog=catalog)

    assert found() == []
    assert found(componentSchedule=[entry(date="2026-12-31")]) == []
    assert found(visitDate="2026-11-30") == [("/items/0/itemNumber", "not_on_sale")]
    assert found(visitDate="2027-01-01", componentSchedule=[entry()]) == [("/items/0/itemNumber", "not_on_sale")]
    assert found(componentSchedule=[entry(date="2027-01-01")]) == [
        ("/items/0/componentSchedule/0/itemNumber", "not_on_sale")
    ]
