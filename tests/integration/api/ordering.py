"""Catalogs and orders for tests whose subject is something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.api.serving import OPERATOR_KEY, Answer, Api

CATALOG: dict[str, Any] = {
    "venue": {"name": "Harbour Museum", "timeZone": "Europe/Copenhagen", "currencyCode": "DKK"},
    "admissions": [{"admission": "MAIN"}],
    "items": [
        {
            "itemNumber": "31001",
            "kind": "ticket",
            "description": "Day ticket, adult",
            "unitPriceInclVat": 125,
            "vatPercent": 25,
            "numberPattern": "T[N*12][A*6]",
            "admissions": ["MAIN"],
        }
    ],
}


async def publish_catalog(api: Api) -> None:
    answer = await api.call("PUT", "/admin/catalog", CATALOG)
    assert answer.status == 200, answer.text


async def submit(api: Api, partner_id: str, reference: str = "R-1", *, key: str = OPERATOR_KEY) -> Answer:
    """createOrder of one ticket for a day soon."""
    visit = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    line = {"itemNumber": "31001", "visitDate": visit, "visitTime": "10:00:00"}
    body = {"partnerId": partner_id, "sellToOrderReference": reference, "items": [line]}
    return await api.call("POST", "/channelManager", body, key=key)
