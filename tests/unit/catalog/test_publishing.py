"""Every fault of a catalog at its place, all in one pass; and the catalog that is made of a body without faults."""

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.catalog.items import Component, Slot
from domain.catalog.publishing import CATALOG_READER, catalog_faults, catalog_of, given_venue_id
from domain.catalog.showing import catalog_json
from domain.faults import Fault
from tests.unit.catalog.catalogs import (
    COUPON,
    GROUP,
    PACKAGE,
    TICKET,
    TOUR,
    VENUE_ID,
    catalog,
    example,
    faults,
    written,
)

Change = Callable[[dict[str, Any]], None]


def item(index: int, **changes: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["items"][index] |= changes

    return change


def venue(**changes: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["venue"] |= changes

    return change


def admission(index: int, **changes: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["admissions"][index] |= changes

    return change


def another_admission(name: str) -> Change:
    return lambda document: document["admissions"].append({"admission": name})


def slots(*bounds: tuple[str, str]) -> Change:
    return admission(1, slots=[{"start": f"{start}:00", "end": f"{end}:00"} for start, end in bounds])


def changed(change: Change) -> dict[str, Any]:
    document = example()
    change(document)
    return document


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def parts(*numbers: str, quantity: int = 1) -> list[dict[str, Any]]:
    return [{"itemNumber": number, "quantity": quantity} for number in numbers]


def test_the_contracts_example_has_no_fault() -> None:
    assert faults(example()) == []


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        (venue(name=""), "/venue/name", "too_short"),
        (venue(timeZone="Europe/Atlantis"), "/venue/timeZone", "unknown_time_zone"),
        (venue(timeZone="europe/copenhagen"), "/venue/timeZone", "unknown_time_zone"),
        (venue(timeZone="../../etc/passwd"), "/venue/timeZone", "unknown_time_zone"),
        (venue(timeZone="right/Europe/Copenhagen"), "/venue/timeZone", "unknown_time_zone"),
        (venue(currencyCode="XYZ"), "/venue/currencyCode", "unknown_currency"),
        (venue(currencyCode="dkk"), "/venue/currencyCode", "unknown_currency"),
        (venue(language="x" * 11), "/venue/language", "too_long"),
        (venue(id="x"), "/venue/id", "bad_format"),
        (venue(city="x"), "/venue/city", "unknown_field"),
        (another_admission("MAIN"), "/admissions/2/admission", "duplicate"),
        (another_admission("x" * 21), "/admissions/2/admission", "too_long"),
        (another_admission(""), "/admissions/2/admission", "too_short"),
        (admission(0, capacity=-1), "/admissions/0/capacity", "out_of_range"),
        (admission(0, closed=["2026-02-30"]), "/admissions/0/closed/0", "bad_format"),
        (admission(0, closed=["2026-01-01"] * 3661), "/admissions/0/closed", "too_many"),
        (admission(0, slots=[{"start": "10:00:00", "end": "11:00:00"}] * 1441), "/admissions/0/slots", "too_many"),
        (slots(("10:00", "10:00")), "/admissions/1/slots/0/end", "out_of_range"),
        (slots(("10:00", "09:00")), "/admissions/1/slots/0/end", "out_of_range"),
        (slots(("23:00", "00:00")), "/admissions/1/slots/0/end", "out_of_range"),
        (slots(("10:00", "11:00"), ("10:00", "11:00")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("10:59", "12:00")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("09:00", "10:01")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("09:00", "12:00")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("10:15", "10:30")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("10:00", "10:30")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("10:00", "11:30")), "/admissions/1/slots/1/start", "duplicate"),
        (slots(("10:00", "11:00"), ("08:00", "09:00"), ("08:30", "08:45")), "/admissions/1/slots/2/start", "duplicate"),
        (item(GROUP, itemNumber="31001"), "/items/2/itemNumber", "duplicate"),
        (item(TICKET, itemNumber="x" * 21), "/items/0/itemNumber", "too_long"),
        (item(TICKET, kind="voucher"), "/items/0/kind", "unknown_value"),
        (item(TICKET, description=""), "/items/0/description", "too_short"),
        (item(TICKET, description="x" * 251), "/items/0/description", "too_long"),
        (item(TICKET, descriptions={"DAN": "x", "dan": "y"}), "/items/0/descriptions/dan", "duplicate"),
        (item(TICKET, unitPriceInclVat="125.00"), "/items/0/unitPriceInclVat", "wrong_type"),
        (item(TICKET, unitPriceInclVat=Decimal("125.001")), "/items/0/unitPriceInclVat", "bad_format"),
        (item(TICKET, unitPriceInclVat=Decimal("125.000")), "/items/0/unitPriceInclVat", "bad_format"),
        (item(TICKET, unitPriceInclVat=Decimal("1E-999999")), "/items/0/unitPriceInclVat", "bad_format"),
        (item(TICKET, unitPriceInclVat=Decimal("-0.01")), "/items/0/unitPriceInclVat", "out_of_range"),
        (item(TICKET, unitPriceInclVat=Decimal("1E+999999")), "/items/0/unitPriceInclVat", "out_of_range"),
        (item(TICKET, vatPercent=-1), "/items/0/vatPercent", "out_of_range"),
        (item(TICKET, vatPercent=Decimal("100.1")), "/items/0/vatPercent", "out_of_range"),
        (item(TICKET, vatPercent=Decimal("8.00001")), "/items/0/vatPercent", "bad_format"),
        (item(TICKET, vatPercent=Decimal("1E-999999")), "/items/0/vatPercent", "bad_format"),
        (item(TICKET, numberPattern="T[N*12]"), "/items/0/numberPattern", "bad_pattern"),
        (item(TICKET, numberPattern="T#[N*20]"), "/items/0/numberPattern", "bad_pattern"),
        (item(TICKET, numberPattern=5), "/items/0/numberPattern", "wrong_type"),
        (item(TICKET, numberPattern=None), "/items/0/numberPattern", "required"),
        (item(COUPON, numberPattern=None), "/items/3/numberPattern", "required"),
        (item(COUPON, numberPattern="C"), "/items/3/numberPattern", "bad_pattern"),
        (item(TICKET, admissions=["PARK"]), "/items/0/admissions/0", "unknown_admission"),
        (item(TICKET, admissions=["MAIN", "MAIN"]), "/items/0/admissions/1", "duplicate"),
        (item(TICKET, saleTo="2025-12-31"), "/items/0/saleTo", "out_of_range"),
        (item(TICKET, components=parts("33001")), "/items/0/components", "unknown_field"),
        (item(COUPON, components=parts("31001")), "/items/3/components", "unknown_field"),
        (item(COUPON, admissions=["MAIN"]), "/items/3/admissions", "unknown_field"),
        (item(COUPON, admissions=["PARK"]), "/items/3/admissions", "unknown_field"),
        (item(COUPON, groupTicket=True), "/items/3/groupTicket", "unknown_field"),
        (item(PACKAGE, admissions=["MAIN"]), "/items/4/admissions", "unknown_field"),
        (item(PACKAGE, groupTicket=True), "/items/4/groupTicket", "unknown_field"),
        (item(PACKAGE, numberPattern="P[AN*14]"), "/items/4/numberPattern", "unknown_field"),
        (item(PACKAGE, components=None), "/items/4/components", "required"),
        (item(PACKAGE, components=[]), "/items/4/components", "too_few"),
        (item(PACKAGE, components=parts("99999")), "/items/4/components/0/itemNumber", "unknown_item"),
        (item(PACKAGE, components=parts("40001")), "/items/4/components/0/itemNumber", "not_a_component"),
        (item(PACKAGE, components=parts("33001", "33001")), "/items/4/components/1/itemNumber", "duplicate"),
        (item(PACKAGE, components=parts("33001", quantity=0)), "/items/4/components/0/quantity", "out_of_range"),
        (item(PACKAGE, components=parts("33001", quantity=21)), "/items/4/components", "too_many"),
        (item(PACKAGE, components=parts("33001", "31001", quantity=11)), "/items/4/components", "too_many"),
        (
            item(PACKAGE, components=parts("31009", quantity=9) + parts("33001", quantity=20)),
            "/items/4/components",
            "too_many",
        ),
        (lambda document: document.pop("venue"), "/venue", "required"),
        (lambda document: document.pop("items"), "/items", "required"),
        (lambda document: document["items"].append(None), "/items/5", "wrong_type"),
        (lambda document: document["admissions"].append(None), "/admissions/2", "wrong_type"),
        (lambda document: document.update(owner="x"), "/owner", "unknown_field"),
    ],
)
def test_a_fault_is_told_at_its_place(change: Change, pointer: str, code: str) -> None:
    assert faults(changed(change)) == [(pointer, code)]


@pytest.mark.parametrize(
    "change",
    [
        venue(id=str(VENUE_ID)),
        venue(language=None),
        venue(currencyCode="KWD"),
        admission(0, capacity=None, closed=None, description=None, slots=None),
        admission(0, capacity=0, slots=[]),
        admission(0, closed=["2026-12-24", "2026-12-24"]),
        slots(("10:00", "11:00"), ("11:00", "12:00"), ("09:00", "10:00"), ("00:00", "00:01")),
        item(TICKET, unitPriceInclVat=0),
        item(TICKET, unitPriceInclVat=Decimal("1E+2"), vatPercent=Decimal("8.1250")),
        item(TICKET, unitPriceInclVat=1_000_000_000, vatPercent=100),
        item(TICKET, admissions=[]),
        item(TICKET, admissions=None, components=[], descriptions=None, groupTicket=None),
        item(TICKET, saleFrom="2026-01-01", saleTo="2026-01-01"),
        item(TICKET, saleFrom=None, saleTo="2025-01-01"),
        item(COUPON, admissions=[], groupTicket=False, components=None),
        item(PACKAGE, components=parts("33001", quantity=20)),
        item(PACKAGE, components=[{"itemNumber": "33001"}]),
        item(PACKAGE, components=[*parts("33001", quantity=19), *parts("31009", quantity=30)]),
        item(PACKAGE, numberPattern=None, admissions=[], groupTicket=False),
        lambda document: document.update(version=12),
        lambda document: document.update(version={"any": "thing"}),
        lambda document: document.update(items=[]),
        lambda document: document.update(admissions=None, items=[document["items"][COUPON]]),
    ],
)
def test_what_a_catalog_may_be(change: Change) -> None:
    assert faults(changed(change)) == []


def test_a_currency_rules_the_decimals_of_every_price() -> None:
    document = changed(venue(currencyCode="JPY"))
    assert faults(document) == [(f"/items/{index}/unitPriceInclVat", "bad_format") for index in range(5)]


@pytest.mark.parametrize("currency", ["XYZ", None, 5])
def test_decimals_are_not_counted_where_the_currency_is_not_known(currency: object) -> None:
    document = changed(item(TICKET, unitPriceInclVat=Decimal("1.23456")))
    document["venue"]["currencyCode"] = currency
    assert [pointer for pointer, _ in faults(document)] == ["/venue/currencyCode"]


def test_the_venues_id_cannot_change() -> None:
    other = UUID("00000000-0000-4000-8000-000000000000")
    document = changed(venue(id=str(other)))
    assert faults(document, venue_id=None) == []
    assert faults(document, venue_id=other) == []
    assert faults(document, venue_id=VENUE_ID) == [("/venue/id", "read_only")]
    assert faults(example(), venue_id=VENUE_ID) == []


def test_all_faults_of_all_kinds_are_told_at_once_in_document_order() -> None:
    document = example()
    document["venue"]["currencyCode"] = "XYZ"
    document["admissions"][1]["slots"].append({"start": "14:30:00", "end": "14:00:00"})
    document["items"][TICKET] |= {"kind": "voucher", "admissions": ["PARK"], "vatPercent": "25"}
    document["items"][PACKAGE] |= {"components": [{"itemNumber": "x", "quantity": 0}, None]}
    document["items"][GROUP] = without(document["items"][GROUP], "numberPattern", "description")
    assert faults(document) == [
        ("/venue/currencyCode", "unknown_currency"),
        ("/admissions/1/slots/2/end", "out_of_range"),
        ("/items/0/kind", "unknown_value"),
        ("/items/0/vatPercent", "wrong_type"),
        ("/items/0/admissions/0", "unknown_admission"),
        ("/items/2/description", "required"),
        ("/items/2/numberPattern", "required"),
        ("/items/4/components/0/itemNumber", "unknown_item"),
        ("/items/4/components/0/quantity", "out_of_range"),
        ("/items/4/components/1", "wrong_type"),
    ]


def test_what_is_faulty_in_structure_is_passed_over_by_every_other_check() -> None:
    document = example()
    document["venue"] = 1
    document["admissions"] = [5, {"admission": 1, "slots": [1, {"start": 1, "end": "10:00:00"}, {"start": "10:00:00"}]}]
    document["items"] = [
        1,
        {name: [0] if name != "admissions" else [0, 1] for name in document["items"][TICKET]},
        {"kind": "package", "components": [{"itemNumber": 1}, {"itemNumber": "33001", "quantity": "1"}]},
        {"kind": "coupon", "itemNumber": "33001", "components": 5, "groupTicket": 5},
    ]
    reading = CATALOG_READER.read(written(document))
    assert reading.faults
    assert catalog_faults(reading.value, VENUE_ID) == [
        Fault("/items/3/numberPattern", "required", "A coupon needs a numberPattern.")
    ]
    everything_unset = CATALOG_READER.read(b"[]")
    assert catalog_faults(everything_unset.value, VENUE_ID) == []
    assert given_venue_id(everything_unset.value) is None
    with pytest.raises(ValueError, match="faults"):
        catalog_of(reading.value, VENUE_ID)


def test_a_component_whose_kind_is_faulty_is_counted_all_the_same() -> None:
    document = changed(item(PACKAGE, components=parts("33001", quantity=21)))
    document["items"][COUPON]["kind"] = "voucher"
    assert faults(document) == [("/items/3/kind", "unknown_value"), ("/items/4/components", "too_many")]


def test_thousands_of_slots_are_checked_without_comparing_all_with_all() -> None:
    minutes = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(1440)]
    bounds = list(pairwise(minutes))
    document = changed(slots(*reversed(bounds)))
    assert faults(document) == []


def test_of_a_hundred_thousand_faults_the_first_hundred_are_told() -> None:
    document = example()
    document["items"] = [{**document["items"][TICKET], "admissions": [f"{index}" for index in range(70)]}] * 1000
    reading = CATALOG_READER.read(written(document))
    found = catalog_faults(reading.value, None)
    report = reading.report(found)
    assert len(found) < 400
    assert report.truncated
    assert [fault.pointer for fault in report.faults] == [
        *(f"/items/0/admissions/{place}" for place in range(70)),
        "/items/1/itemNumber",
        *(f"/items/1/admissions/{place}" for place in range(29)),
    ]


def test_a_body_becomes_the_catalog_that_it_describes() -> None:
    made = catalog()
    assert made.venue.id == VENUE_ID
    assert (made.venue.time_zone, made.venue.currency_code, made.venue.language) == ("Europe/Copenhagen", "DKK", "ENU")
    main, tour = made.admissions
    assert (main.capacity, main.closed, main.slots) == (500, (date(2026, 12, 24),), ())
    assert tour.slots == (Slot(time(10), time(11)), Slot(time(14), time(15)))
    adult, _, group, coffee, package = made.items
    assert (adult.kind, adult.descriptions, adult.number_pattern) == (
        "ticket",
        {"DAN": "Dagsbillet, voksen"},
        "T[N*12][A*6]",
    )
    assert (str(adult.unit_price_incl_vat), str(adult.vat_percent)) == ("125.00", "25")
    assert (adult.sale_from, adult.sale_to, adult.admissions) == (date(2026, 1, 1), None, ("MAIN",))
    assert group.group_ticket
    assert not adult.group_ticket
    assert coffee.admissions == ()
    assert package.components == (Component("31005", 1), Component("33001", 1))


def test_languages_are_kept_in_upper_case() -> None:
    document = changed(item(TICKET, descriptions={"dan": "x"}))
    document["venue"]["language"] = "dan"
    made = catalog(document)
    assert made.venue.language == "DAN"
    assert made.items[TICKET].descriptions == {"DAN": "x"}


def test_the_venues_language_is_english_where_none_is_given() -> None:
    document = example()
    del document["venue"]["language"]
    assert catalog(document).venue.language == "ENU"


@pytest.mark.parametrize(
    ("price", "vat", "shown"),
    [
        ("1E+2", "1E+1", ("100.00", "10")),
        ("125", "25.0", ("125.00", "25.0")),
        ("0E+30", "-0", ("0.00", "0")),
        ("0.5", "0E+9", ("0.50", "0")),
    ],
)
def test_prices_have_the_currencys_digits_and_never_an_exponent(price: str, vat: str, shown: tuple[str, str]) -> None:
    document = changed(item(TICKET, unitPriceInclVat=Decimal(price), vatPercent=Decimal(vat)))
    made = catalog(document)
    assert (str(made.items[TICKET].unit_price_incl_vat), str(made.items[TICKET].vat_percent)) == shown
    assert f'"unitPriceInclVat":{shown[0]},"vatPercent":{shown[1]},'.encode() in written(catalog_json(made, 1))


def test_a_catalog_is_shown_as_it_was_put_with_its_version() -> None:
    shown = msgspec.json.Decoder(float_hook=Decimal).decode(written(catalog_json(catalog(), 7)))
    expected = example()
    expected["version"] = 7
    expected["venue"]["id"] = str(VENUE_ID)
    expected["admissions"][1]["closed"] = []
    for index, put in enumerate(expected["items"]):
        put.setdefault("descriptions", {})
        put.setdefault("saleFrom", None)
        put.setdefault("saleTo", None)
        if index in (TICKET, TOUR):
            put["groupTicket"] = False
    assert shown == expected


def test_what_is_shown_can_be_put_again() -> None:
    made = catalog()
    again = msgspec.json.Decoder(float_hook=Decimal).decode(written(catalog_json(made, 7)))
    assert faults(again, VENUE_ID) == []
    assert catalog(again) == made


def test_a_stored_catalog_is_the_same_when_it_is_read_again() -> None:
    made = catalog()
    assert made.item("31001") is not None  # its indexes are made, and not stored
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made


def test_the_sample_catalog_can_be_published() -> None:
    body = (Path(__file__).parents[3] / "services" / "sample_catalog.json").read_bytes()
    reading = CATALOG_READER.read(body)
    assert not reading.report(catalog_faults(reading.value, None))
    sample = catalog_of(reading.value, VENUE_ID)
    assert {offered.kind for offered in sample.items} == {"ticket", "coupon", "package"}
    assert all(set(offered.descriptions) == {"DAN", "DEU"} for offered in sample.items)
    assert Decimal(0) in {offered.unit_price_incl_vat for offered in sample.items}
    assert {"31001", "31005", "31009", "33001", "40001"} <= {offered.item_number for offered in sample.items}
    main, tour = sample.admissions
    assert (main.is_timed, tour.is_timed) == (False, True)
    assert main.closed
    assert None not in (main.capacity, tour.capacity)
