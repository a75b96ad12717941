"""The walk-through's first chapter: the museum admits an agent, and the agent says where it wants to be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from services.demo.caller import Caller
from services.demo.surprise import expect

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from services.demo.endpoint import Endpoint
    from services.demo.narrator import Narrator


CLIENT_STATE = "city-breaks"

_DAYS_AHEAD = 14


class Opened(NamedTuple):
    """The agent, ready to order. `visit_day`: one on which the museum is open.

    `prices`: of each item, with VAT. `groups`: the numbers of those of which one ticket lets in many.
    """

    agent: Caller
    partner_id: str
    visit_day: str
    prices: dict[str, Decimal]
    groups: frozenset[str]


async def open_shop(
    narrator: Narrator, session: ClientSession, url: str, operator_key: str, endpoint: Endpoint
) -> Opened:
    """Raises Surprise."""
    museum = Caller(session, url, operator_key)
    narrator.say("The museum has published what it sells: a sample catalog, in this walk-through.")
    catalog = await museum.call("GET", "/admin/catalog", 200)
    venue, items = catalog.body["venue"], catalog.body["items"]
    narrator.step("GET /admin/catalog", f"200 {venue['name']}", catalog.ms)
    narrator.show(
        (
            (item["itemNumber"], item["description"], f"{item['unitPriceInclVat']} {venue['currencyCode']}")
            for item in items
        ),
        right=(2,),
    )

    narrator.say("It admits an agent, City Breaks, and makes an API key for it.")
    partner = await museum.call("POST", "/admin/partners", 201, {"name": "City Breaks"})
    partner_id = partner.body["partnerId"]
    narrator.step("POST /admin/partners", "201 City Breaks", partner.ms)
    key = await museum.call("POST", f"/admin/partners/{partner_id}/keys", 201, {"name": "orders"})
    narrator.step("POST /admin/partners/{partnerId}/keys", f"201 {key.body['key'][:6]}...", key.ms)
    agent = Caller(session, url, key.body["key"])

    narrator.say("City Breaks says where it wants to be told of its orders; what comes there will be signed.")
    subscription = await agent.call(
        "POST",
        "/webhook",
        201,
        {"notificationUrl": endpoint.url, "eventName": "ota_cm_order_processed", "clientState": CLIENT_STATE},
    )
    expect("the subscription's state", "active", subscription.body["state"])
    endpoint.trust(subscription.body["secret"])
    narrator.step("POST /webhook", "201 active", subscription.ms)
    return Opened(
        agent,
        partner_id,
        _open_day(catalog.body["admissions"]),
        prices={item["itemNumber"]: Decimal(item["unitPriceInclVat"]) for item in items},
        groups=frozenset(item["itemNumber"] for item in items if item.get("groupTicket")),
    )


def _open_day(admissions: list[dict[str, Any]]) -> str:
    """In two weeks, or the next day after that on which everything is open."""
    closed = {date.fromisoformat(day) for admission in admissions for day in admission["closed"]}
    day = datetime.now(UTC).date() + timedelta(days=_DAYS_AHEAD)
    while day in closed:
        day += timedelta(days=1)
    return day.isoformat()
