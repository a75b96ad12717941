"""The contract's example catalog, and lines for it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.integration.api.shop import line, visit_date

MUSEUM: dict[str, Any] = {
    "venue": {
        "name": "Harbour Museum",
        "timeZone": "Europe/Copenhagen",
        "currencyCode": "DKK",
        "language": "ENU",
    },
    "admissions": [
        {"admission": "MAIN", "description": "Main entrance", "capacity": 50_000},
        {
            "admission": "TOUR",
            "description": "Guided tour",
            "capacity": 20,
            "slots": [{"start": "10:00:00", "end": "11:00:00"}, {"start": "14:00:00", "end": "15:00:00"}],
        },
    ],
    "items": [
        {
            "itemNumber": "31001",
            "kind": "ticket",
            "description": "Day ticket, adult",
            "descriptions": {"DAN": "Dagsbillet, voksen"},
            "unitPriceInclVat": 125,
            "vatPercent": 25,
            "numberPattern": "T[N*12][A*6]",
            "admissions": ["MAIN"],
        },
        {
            "itemNumber": "31005",
            "kind": "ticket",
            "description": "Guided tour",
            "descriptions": {"DAN": "Rundvisning"},
            "unitPriceInclVat": 160,
            "vatPercent": 25,
            "numberPattern": "R[AN*14]",
            "admissions": ["MAIN", "TOUR"],
        },
        {
            "itemNumber": "31009",
            "kind": "ticket",
            "groupTicket": True,
            "description": "School class",
            "unitPriceInclVat": 40,
            "vatPercent": 25,
            "numberPattern": "G[AN*14]",
            "admissions": ["MAIN"],
        },
        {
            "itemNumber": "33001",
            "kind": "coupon",
            "description": "Coffee",
            "descriptions": {"DAN": "Kaffe"},
            "unitPriceInclVat": 30,
            "vatPercent": 25,
            "numberPattern": "C[AN*13]",
        },
        {
            "itemNumber": "40001",
            "kind": "package",
            "description": "Tour and coffee",
            "unitPriceInclVat": 180,
            "vatPercent": 25,
            "components": [{"itemNumber": "31005", "quantity": 1}, {"itemNumber": "33001", "quantity": 1}],
        },
    ],
}


def museum(*, items: dict[str, dict[str, Any]] | None = None, **venue: Any) -> dict[str, Any]:
    """The catalog with what is changed in its venue, and in items by their numbers."""
    catalog = deepcopy(MUSEUM)
    catalog["venue"] |= venue
    for item in catalog["items"]:
        item |= (items or {}).get(item["itemNumber"], {})
    return catalog


def visit(item: str, time: str = "14:00:00", day: str | None = None) -> dict[str, str]:
    """An element of a componentSchedule."""
    return {"itemNumber": item, "visitDate": day or visit_date(), "visitTime": time}


def package(**changes: Any) -> dict[str, Any]:
    return line(itemNumber="40001", **changes)


def group(persons: int, **changes: Any) -> dict[str, Any]:
    return line(itemNumber="31009", quantity=persons, **changes)
