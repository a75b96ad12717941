"""What is stored of a body without faults: nothing guessed, nothing lost, empty as absent."""

from datetime import date, time
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET

from domain.order.content import ComponentVisit, OrderContent, line_no
from domain.order.submission import order_content
from domain.personal import LineSellToEmail, LineSellToName, SellToEmail, SellToName, WalletName
from tests.unit.order.bodies import CATALOG, PARTNER, READER, line, order


def content(body: Any, partner_language: str | None = None) -> OrderContent:
    reading = READER.read(msgspec.json.encode(body))
    assert not reading.faults
    assert reading.value.partner_id == UUID(PARTNER)
    return order_content(reading.value, CATALOG, partner_language)


def test_what_is_not_given_is_none_and_a_line_inherits() -> None:
    stored = content(order())
    assert stored == OrderContent(lines=stored.lines)
    [only] = stored.lines
    assert (only.quantity, only.visit_date, only.visit_time) == (1, date(2026, 12, 1), time(10, 30))
    assert (only.sell_to_name, only.sell_to_email, only.sell_to_language) == (UNSET, UNSET, UNSET)
    assert (only.wallet_names, only.external_reference_numbers, only.component_schedule) == ((), (), ())
    assert (only.description, only.is_package) == ("Day ticket, adult", False)


def test_the_header_is_kept_and_its_language_upper_cased() -> None:
    stored = content(
        order(paymentReference="PAY-1", sellToName="Jane Doe", sellToEmail="guest@example.com", sellToLanguage="dan")
    )
    assert stored.payment_reference == "PAY-1"
    assert stored.sell_to_name == SellToName("Jane Doe")
    assert stored.sell_to_email == SellToEmail("guest@example.com")
    assert stored.sell_to_language == "DAN"


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_count_as_absent_in_the_header(nothing: str | None) -> None:
    names = ("paymentReference", "sellToName", "sellToEmail", "sellToLanguage")
    assert content(order(**dict.fromkeys(names, nothing))) == content(order())


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_clear_in_a_line(nothing: str | None) -> None:
    cleared = line(sellToName=nothing, sellToEmail=nothing, sellToLanguage=nothing)
    [only] = content(order(sellToName="Jane", items=[cleared])).lines
    assert (only.sell_to_name, only.sell_to_email, only.sell_to_language) == (None, None, None)


def test_a_line_has_its_own_guest() -> None:
    own = line(sellToName="John", sellToEmail="john@example.com", sellToLanguage="dan")
    [only] = content(order(sellToName="Jane", items=[own])).lines
    assert only.sell_to_name == LineSellToName("John")
    assert only.sell_to_email == LineSellToEmail("john@example.com")
    assert only.sell_to_language == "DAN"


@pytest.mark.parametrize(
    ("of_line", "of_order", "of_partner", "description"),
    [
        ("dan", "deu", "ENU", "Dagsbillet, voksen"),
        (..., "deu", "DAN", "Tageskarte"),
        (..., None, "DAN", "Dagsbillet, voksen"),
        (None, "deu", "DAN", "Dagsbillet, voksen"),
        (None, "deu", None, "Day ticket, adult"),
        (..., None, None, "Day ticket, adult"),
        ("fra", "deu", "DAN", "Day ticket, adult"),
    ],
    ids=["the line's", "the order's", "the partner's", "cleared", "cleared, none", "none", "one that is missing"],
)
def test_a_description_is_in_the_lines_language_where_the_catalog_has_it(
    of_line: Any, of_order: str | None, of_partner: str | None, description: str
) -> None:
    body = order(sellToLanguage=of_order, items=[line(sellToLanguage=of_line)])
    assert content(body, of_partner).lines[0].description == description


def test_wallets_keep_their_names_and_numbers_in_place() -> None:
    wallet = {"names": ["", "Jane"], "externalReferenceNumbers": ["X-1", ""]}
    [only] = content(order(items=[line(quantity=2, wallet=wallet)])).lines
    assert only.wallet_names == (None, WalletName("Jane"))
    assert only.external_reference_numbers == ("X-1", "")


def test_wallets_of_which_nothing_is_said_are_not_stored() -> None:
    wallet = {"names": ["", ""], "externalReferenceNumbers": ["", ""]}
    assert content(order(items=[line(quantity=2, wallet=wallet)])) == content(order(items=[line(quantity=2)]))


@pytest.mark.parametrize("place", ["line", "wallet"])
def test_a_schedule_is_kept_wherever_it_was_sent(place: str) -> None:
    schedule = [{"itemNumber": "31005", "visitDate": "2026-12-02", "visitTime": "14:30:00"}]
    where = {"componentSchedule": schedule} if place == "line" else {"wallet": {"componentSchedule": schedule}}
    [only] = content(order(items=[line(itemNumber="40001", **where)])).lines
    assert only.component_schedule == (ComponentVisit("31005", date(2026, 12, 2), time(14, 30)),)
    assert only.is_package


def test_a_body_with_an_unknown_item_has_no_content() -> None:
    with pytest.raises(ValueError, match="faults"):
        content(order(items=[line(itemNumber="99999")]))


def test_lines_are_numbered_in_hundred_thousands() -> None:
    assert [line_no(index) for index in range(3)] == [100_000, 200_000, 300_000]
