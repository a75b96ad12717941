"""A catalog, and bodies of orders for it."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.faults import FaultReport
from domain.order.body import OrderBody
from domain.order.submission import submission_faults
from domain.reading import Reader

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
"""11:15 at the venue."""

PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"

HUNDRED, QUARTER = Decimal("100.00"), Decimal(25)

CATALOG = Catalog(
    venue=Venue(UUID(int=1), "Harbour Museum", "Europe/Copenhagen", "DKK"),
    admissions=(
        Admission("MAIN", "Main entrance", closed=(date(2026, 12, 24),)),
        Admission(
            "TOUR",
            "Guided tour",
            slots=(Slot(time(10), time(11)), Slot(time(14), time(15))),
            closed=(date(2026, 12, 25),),
        ),
    ),
    items=(
        Item(
            "31001",
            "ticket",
            "Day ticket, adult",
            Decimal("125.00"),
            QUARTER,
            descriptions={"DAN": "Dagsbillet, voksen", "DEU": "Tageskarte"},
            number_pattern="T[N*12][A*6]",
            admissions=("MAIN",),
            sale_from=date(2026, 1, 1),
            sale_to=date(2027, 6, 30),
        ),
        Item("31005", "ticket", "Guided tour", HUNDRED, QUARTER, number_pattern="R[AN*14]", admissions=("TOUR",)),
        Item(
            "31009",
            "ticket",
            "School class",
            Decimal("40.00"),
            QUARTER,
            number_pattern="G[AN*14]",
            group_ticket=True,
            admissions=("MAIN",),
        ),
        Item("33001", "coupon", "Coffee", Decimal("30.00"), QUARTER, number_pattern="C[AN*13]"),
        Item(
            "40001",
            "package",
            "Tour and coffee",
            HUNDRED,
            QUARTER,
            components=(Component("31005", 1), Component("33001", 1)),
        ),
    ),
)

READER = Reader(OrderBody)


def line(**changes: Any) -> dict[str, Any]:
    """A line without a fault. A member that is set to `...` is left out."""
    return _changed({"itemNumber": "31001", "visitDate": "2026-12-01", "visitTime": "10:30:00"}, changes)


def order(**changes: Any) -> dict[str, Any]:
    """A body without a fault. A member that is set to `...` is left out."""
    whole = {"partnerId": PARTNER, "sellToOrderReference": "A-1", "items": [line()]}
    return _changed(whole, changes)


def report(body: Any, *, catalog: Catalog | None = CATALOG, known: bool = True, **more: Any) -> FaultReport:
    reading = READER.read(body if isinstance(body, bytes) else msgspec.json.encode(body))
    return reading.report(submission_faults(reading.value, catalog, known, more.pop("now", NOW), **more))


def faults(body: Any, **how: Any) -> list[tuple[str, str]]:
    """Pointer and code of each fault, as an answer shows them."""
    return [(fault.pointer, fault.code) for fault in report(body, **how).faults]


def _changed(whole: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}
