"""Orders for today, and what the gate asks of their tickets. Of a shop with the issuer at work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import SHOP_CATALOG, TICKET, VENUE_ZONE, Shop, line

SCHOOL = {**TICKET, "itemNumber": "31009", "description": "School group", "groupTicket": True}
PACKAGE = {
    "itemNumber": "35001",
    "kind": "package",
    "description": "Museum and coffee",
    "unitPriceInclVat": 140,
    "vatPercent": 25,
    "components": [{"itemNumber": "31001", "quantity": 2}, {"itemNumber": "33001", "quantity": 1}],
}
CATALOG = {**SHOP_CATALOG, "items": [*SHOP_CATALOG["items"], SCHOOL, PACKAGE]}


def today() -> str:
    return in_days(0)


def in_days(days: int) -> str:
    return (datetime.now(VENUE_ZONE) + timedelta(days=days)).date().isoformat()


async def issued(shop: Shop, **changes: Any) -> tuple[str, list[Any]]:
    """The path of an order for today, and its wallets."""
    path = await shop.issued(items=[line(visitDate=today(), **changes)])
    return path, await wallets(shop, path)


async def wallets(shop: Shop, path: str) -> list[Any]:
    order = (await shop.get(path)).body
    return [wallet for item in order["items"] for wallet in item["wallets"]]


async def number_of_one(shop: Shop, **changes: Any) -> tuple[str, str]:
    """The path of an order of one ticket for today, and that ticket's number."""
    path, (wallet,) = await issued(shop, **changes)
    return path, wallet["assets"][0]["referenceNumber"]


async def ticket(shop: Shop, reference: str, *, key: str = OPERATOR_KEY) -> Answer:
    return await shop.get(f"/tickets/{quote(reference, safe='')}", key=key)


async def redeem(shop: Shop, reference: str, body: object = None, *, key: str = OPERATOR_KEY) -> Answer:
    return await shop.call("POST", f"/tickets/{quote(reference, safe='')}/redeem", body, key=key)


async def gate_key(shop: Shop) -> str:
    return str((await shop.made("/admin/keys", {"scope": "gate", "name": "door"}))["key"])
