"""Looking things up in a catalog."""

from datetime import date, time

import pytest
from msgspec.structs import replace

from domain.catalog.items import Admission, Slot, description
from tests.unit.catalog.catalogs import COUPON, GROUP, PACKAGE, TICKET, TOUR, catalog


def test_an_item_is_found_by_its_number_and_by_nothing_else() -> None:
    made = catalog()
    assert made.item("33001") is made.items[COUPON]
    assert made.item("3300") is None
    assert made.item("") is None


def test_indexes_do_not_make_catalogs_differ() -> None:
    looked_into, untouched = catalog(), catalog()
    assert looked_into.item("31001") is not None
    assert looked_into.admissions[1].slot_at(time(10)) is not None
    assert looked_into == untouched


def test_a_ticket_knows_where_it_lets_in() -> None:
    made = catalog()
    assert made.admissions_of(made.items[TOUR]) == list(made.admissions)
    assert made.admissions_of(made.items[TICKET]) == [made.admissions[0]]
    assert made.admissions_of(made.items[COUPON]) == []


def test_a_package_knows_what_it_holds() -> None:
    made = catalog()
    assert made.components_of(made.items[PACKAGE]) == [(made.items[TOUR], 1), (made.items[COUPON], 1)]
    assert made.components_of(made.items[TOUR]) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("DAN", "Dagsbillet, voksen"),
        ("dan", "Dagsbillet, voksen"),
        ("ENU", "Day ticket, adult"),
        ("DEU", "Day ticket, adult"),
        ("", "Day ticket, adult"),
        (None, "Day ticket, adult"),
    ],
)
def test_a_description_is_in_the_language_where_the_catalog_has_it(language: str | None, text: str) -> None:
    assert description(catalog().items[TICKET], language) == text


def test_a_description_in_the_default_language_may_be_given_as_one_of_several() -> None:
    item = replace(catalog().items[TICKET], descriptions={"ENU": "Adult"})
    assert description(item, "enu") == "Adult"


def test_a_line_becomes_a_wallet_each_and_a_group_one() -> None:
    made = catalog()
    assert [made.items[index].wallet_count(7) for index in (TICKET, GROUP, COUPON, PACKAGE)] == [7, 1, 7, 7]


def test_only_a_package_is_one() -> None:
    assert [item.is_package for item in catalog().items] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        (time(9, 59, 59), None),
        (time(10), 0),
        (time(10, 59, 59), 0),
        (time(11), 1),
        (time(11, 29, 59), 1),
        (time(11, 30), None),
        (time(13, 59, 59), None),
        (time(14), 2),
        (time(15), None),
    ],
)
def test_a_time_lies_in_a_slot_from_its_start_to_before_its_end(moment: time, found: int | None) -> None:
    slots = (Slot(time(10), time(11)), Slot(time(11), time(11, 30)), Slot(time(14), time(15)))
    expected = None if found is None else slots[found]
    assert Admission("A", slots=slots).slot_at(moment) == expected
    assert Admission("A", slots=slots[::-1]).slot_at(moment) == expected


def test_an_admission_without_slots_is_for_the_day() -> None:
    assert Admission("A").slot_at(time(10)) is None
    assert not Admission("A").is_timed
    assert Admission("A", slots=(Slot(time(10), time(11)),)).is_timed


def test_an_admission_is_closed_on_its_closed_days_alone() -> None:
    admission = Admission("A", closed=(date(2026, 12, 24), date(2026, 12, 25)))
    assert admission.is_closed_on(date(2026, 12, 25))
    assert not admission.is_closed_on(date(2026, 12, 26))
