"""A venue with capacities, for tests of what is taken and what is left; `taken` takes places as an order would."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from infra.event_store.append import Append, SlotTaking
from infra.event_store.outcomes import Appended
from tests.integration.api.serving import Answer, Api

TODAY = datetime.now(ZoneInfo("Europe/Copenhagen")).date()
CLOSED = TODAY + timedelta(days=30)
DAY = TODAY + timedelta(days=31)
TEN, TWO = time(10), time(14)

VENUE_CATALOG: dict[str, Any] = {
    "venue": {"name": "Harbour Museum", "timeZone": "Europe/Copenhagen", "currencyCode": "DKK"},
    "admissions": [
        {"admission": "MAIN", "description": "Main entrance", "capacity": 500, "closed": [CLOSED.isoformat()]},
        {
            "admission": "TOUR",
            "description": "Guided tour",
            "capacity": 20,
            "slots": [{"start": "14:00:00", "end": "15:00:00"}, {"start": "10:00:00", "end": "11:00:00"}],
        },
        {"admission": "PARK"},
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
            "unitPriceInclVat": 160,
            "vatPercent": 25,
            "numberPattern": "R[AN*14]",
            "admissions": ["MAIN", "TOUR"],
        },
        {
            "itemNumber": "33001",
            "kind": "coupon",
            "description": "Coffee",
            "unitPriceInclVat": 30,
            "vatPercent": 25,
            "numberPattern": "C[AN*13]",
        },
        {
            "itemNumber": "40001",
            "kind": "package",
            "description": "Two on tour, with coffee",
            "unitPriceInclVat": 320,
            "vatPercent": 25,
            "components": [{"itemNumber": "31005", "quantity": 2}, {"itemNumber": "33001", "quantity": 2}],
        },
    ],
}


def venue_catalog() -> dict[str, Any]:
    """The catalog, to be changed."""
    return deepcopy(VENUE_CATALOG)


async def publish(api: Api, catalog: dict[str, Any] | None = None) -> Answer:
    answer = await api.call("PUT", "/admin/catalog", VENUE_CATALOG if catalog is None else catalog)
    assert answer.status == 200, answer.text
    return answer


async def taken(
    api: Api, admission: str, day: date, start: time | None = None, *, held: int = 0, sold: int = 0
) -> None:
    """So many more places are taken (or given back), whatever the capacity."""
    taking = SlotTaking(admission, day, start, held, sold, None)
    outcome = await api.platform.group_commit.append(Append(uuid4(), (), slots=(taking,)))
    assert isinstance(outcome, Appended), outcome
