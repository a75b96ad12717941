"""The contract's example catalog, to be changed by each test."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from domain.catalog.items import Admission, Catalog, Item, Venue
from domain.catalog.publishing import CATALOG_READER, catalog_faults, catalog_of

VENUE_ID = UUID("3b0c8f5e-0a34-4d4f-9d63-0d7f2f0f8f10")
NOW = datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)

_EXAMPLE = b"""{
  "venue": {"name": "Harbour Museum", "timeZone": "Europe/Copenhagen", "currencyCode": "DKK", "language": "ENU"},
  "admissions": [
    {"admission": "MAIN", "description": "Main entrance", "capacity": 500, "closed": ["2026-12-24"]},
    {"admission": "TOUR", "description": "Guided tour", "capacity": 20,
     "slots": [{"start": "10:00:00", "end": "11:00:00"}, {"start": "14:00:00", "end": "15:00:00"}]}
  ],
  "items": [
    {"itemNumber": "31001", "kind": "ticket", "description": "Day ticket, adult",
     "descriptions": {"DAN": "Dagsbillet, voksen"},
     "unitPriceInclVat": 125.00, "vatPercent": 25, "numberPattern": "T[N*12][A*6]", "admissions": ["MAIN"],
     "saleFrom": "2026-01-01", "saleTo": null},
    {"itemNumber": "31005", "kind": "ticket", "description": "Guided tour", "unitPriceInclVat": 160.00,
     "vatPercent": 25, "numberPattern": "R[AN*14]", "admissions": ["MAIN", "TOUR"]},
    {"itemNumber": "31009", "kind": "ticket", "groupTicket": true, "description": "School class",
     "unitPriceInclVat": 40.00, "vatPercent": 25, "numberPattern": "G[AN*14]", "admissions": ["MAIN"]},
    {"itemNumber": "33001", "kind": "coupon", "description": "Coffee", "unitPriceInclVat": 30.00, "vatPercent": 25,
     "numberPattern": "C[AN*13]"},
    {"itemNumber": "40001", "kind": "package", "description": "Tour and coffee", "unitPriceInclVat": 180.00,
     "vatPercent": 25, "components": [{"itemNumber": "31005", "quantity": 1}, {"itemNumber": "33001", "quantity": 1}]}
  ]
}"""

TICKET, TOUR, GROUP, COUPON, PACKAGE = range(5)


def example() -> dict[str, Any]:
    """The example as a document of its own, with its prices as Decimals."""
    document: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(_EXAMPLE)
    return document


def written(document: object) -> bytes:
    return msgspec.json.Encoder(decimal_format="number").encode(document)


def faults(document: object, venue_id: UUID | None = None) -> list[tuple[str, str]]:
    """Every fault of a catalog, as an answer has them."""
    reading = CATALOG_READER.read(written(document))
    report = reading.report(catalog_faults(reading.value, venue_id))
    return [(fault.pointer, fault.code) for fault in report.faults]


def catalog(document: object | None = None) -> Catalog:
    """The catalog of a document without faults; else of the example."""
    document = example() if document is None else document
    assert faults(document) == []
    return catalog_of(CATALOG_READER.read(written(document)).value, VENUE_ID)


def of_one(item: Item, *admissions: Admission, time_zone: str = "Europe/Copenhagen") -> Catalog:
    """A catalog of one item, without a look at its faults."""
    venue = Venue(id=VENUE_ID, name="Museum", time_zone=time_zone, currency_code="DKK")
    return Catalog(venue=venue, admissions=admissions, items=(item,))


def ticket(*admissions: str, sale_from: date | None = None, sale_to: date | None = None) -> Item:
    return Item(
        item_number="1",
        kind="ticket",
        description="Ticket",
        unit_price_incl_vat=Decimal("1.00"),
        vat_percent=Decimal(25),
        number_pattern="[AN*13]",
        admissions=admissions,
        sale_from=sale_from,
        sale_to=sale_to,
    )
