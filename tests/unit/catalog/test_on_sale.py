"""The catalog as partners see it: nothing that is over, nothing of the venue's own, prices with exact digits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from domain.catalog.on_sale import on_sale
from tests.unit.catalog.catalogs import COUPON, GROUP, PACKAGE, TICKET, TOUR, catalog, example

TODAY = date(2026, 11, 23)


def _shown(document: object | None = None, today: date = TODAY) -> Any:
    encoded = msgspec.json.Encoder(decimal_format="number").encode(on_sale(catalog(document), 7, today))
    assert b"numberPattern" not in encoded
    assert b"capacity" not in encoded
    return msgspec.json.Decoder(float_hook=str).decode(encoded)


def test_what_is_on_sale_is_shown_with_its_prices_and_times() -> None:
    shown = _shown()
    assert shown["version"] == 7
    assert shown["venue"]["currencyCode"] == "DKK"
    assert shown["admissions"] == [
        {"admission": "MAIN", "description": "Main entrance", "closed": ["2026-12-24"]},
        {
            "admission": "TOUR",
            "description": "Guided tour",
            "closed": [],
            "slots": [{"start": "10:00:00", "end": "11:00:00"}, {"start": "14:00:00", "end": "15:00:00"}],
        },
    ]
    ticket = shown["items"][TICKET]
    assert (ticket["unitPriceInclVat"], ticket["unitPriceExclVat"], ticket["vatPercent"]) == ("125.00", "100.00", 25)
    assert ticket["descriptions"] == {"DAN": "Dagsbillet, voksen"}
    assert (ticket["saleFrom"], ticket["saleTo"]) == ("2026-01-01", None)
    assert ticket["admissions"] == ["MAIN"]
    assert [item.get("groupTicket") for item in shown["items"]] == [False, False, True, None, None]
    assert [item["itemNumber"] for item in shown["items"]] == ["31001", "31005", "31009", "33001", "40001"]
    assert "admissions" not in shown["items"][COUPON]


def test_an_item_is_gone_once_the_last_day_of_its_visits_is_over() -> None:
    document = example()
    document["items"][GROUP] |= {"saleFrom": "2027-01-01", "saleTo": "2027-01-31"}
    last = date(2027, 1, 31)
    for today, there in ((TODAY, True), (last, True), (last + timedelta(days=1), False)):
        numbers = [item["itemNumber"] for item in _shown(document, today)["items"]]
        assert ("31009" in numbers) is there


def test_a_package_tells_of_components_that_are_sold_in_it_alone() -> None:
    document = example()
    for sold in (TICKET, TOUR, GROUP, COUPON):
        document["items"][sold] |= {"saleFrom": None, "saleTo": "2026-01-01"}
    shown = _shown(document)
    (package,) = shown["items"]
    assert package["components"] == [
        {
            "itemNumber": "31005",
            "quantity": 1,
            "kind": "ticket",
            "description": "Guided tour",
            "descriptions": {},
            "admissions": ["MAIN", "TOUR"],
        },
        {"itemNumber": "33001", "quantity": 1, "kind": "coupon", "description": "Coffee", "descriptions": {}},
    ]
    assert [admission["admission"] for admission in shown["admissions"]] == ["MAIN", "TOUR"]


def test_admissions_that_nothing_on_sale_lets_in_to_are_left_out() -> None:
    document = example()
    del document["items"][TOUR], document["items"][PACKAGE - 1]
    assert [admission["admission"] for admission in _shown(document)["admissions"]] == ["MAIN"]


@pytest.mark.parametrize(("currency", "shown"), [("JPY", 125), ("DKK", "125.00"), ("KWD", "125.000")])
def test_prices_have_the_currencys_digits(currency: str, shown: object) -> None:
    document = example()
    document["venue"]["currencyCode"] = currency
    for item in document["items"]:
        item["unitPriceInclVat"] = 125
    assert [item["unitPriceInclVat"] for item in _shown(document)["items"]] == [shown] * 5
