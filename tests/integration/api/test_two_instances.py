"""Two instances over one database: what was made on one is there on the other, what was ended is gone."""

from __future__ import annotations

import asyncio

from tests.integration.api.ordering import CATALOG, publish_catalog, submit
from tests.integration.api.serving import Api

WEBHOOK = {"notificationUrl": "https://agent.example.com/", "eventName": "ota_cm_order_processed"}
EVERYWHERE_WITHIN_SECONDS = 1.0


async def test_a_partner_made_on_one_instance_orders_on_the_other_at_once(api: Api, other: Api) -> None:
    await publish_catalog(api)
    partner_id = await api.partner()
    key = await api.partner_key(partner_id)
    assert (await submit(other, partner_id, key=key)).status == 201


async def test_what_one_instance_answered_the_other_shows(api: Api, other: Api) -> None:
    partner_id = await api.partner()
    assert (await other.call("GET", f"/admin/partners/{partner_id}")).status == 200
    key = await other.made(f"/admin/partners/{partner_id}/keys", {"name": "shop"})
    assert [row["keyId"] for row in (await api.call("GET", f"/admin/partners/{partner_id}/keys")).body["data"]] == [
        key["keyId"]
    ]
    subscription = await api.made("/webhook", {**WEBHOOK, "partnerId": partner_id})
    assert (await other.call("GET", f"/webhook/{subscription['id']}", key=key["key"])).status == 200
    assert (await other.call("DELETE", f"/webhook/{subscription['id']}", key=key["key"])).status == 204
    assert (await api.call("GET", f"/webhook/{subscription['id']}")).status == 404
    assert (await api.call("GET", "/webhook")).body["data"] == []
    assert (await api.call("PUT", "/admin/catalog", CATALOG)).status == 200
    assert (await other.call("GET", "/admin/catalog")).body["version"] == 1
    assert (await other.call("PATCH", f"/admin/partners/{partner_id}", {"name": "New"})).status == 200
    assert [row["name"] for row in (await api.call("GET", "/admin/partners")).body["data"]] == ["New"]


async def test_a_revoked_key_is_refused_on_every_instance_within_a_second(api: Api, other: Api) -> None:
    partner_id = await api.partner()
    made = await api.made(f"/admin/partners/{partner_id}/keys", {"name": "shop"})
    assert (await other.call("GET", "/webhook", key=made["key"])).status == 200
    assert (await api.call("DELETE", f"/admin/keys/{made['keyId']}")).status == 204
    async with asyncio.timeout(EVERYWHERE_WITHIN_SECONDS):
        while (await other.call("GET", "/webhook", key=made["key"])).status != 401:
            pass


async def test_a_partner_disabled_on_one_instance_orders_on_none(api: Api, other: Api) -> None:
    await publish_catalog(api)
    partner_id = await api.partner()
    key = await api.partner_key(partner_id)
    first = await submit(other, partner_id, "R-0", key=key)
    assert first.status == 201
    assert (await api.call("PATCH", f"/admin/partners/{partner_id}", {"active": False})).status == 200
    number = 0
    async with asyncio.timeout(EVERYWHERE_WITHIN_SECONDS):
        while (answer := await submit(other, partner_id, f"R-{(number := number + 1)}", key=key)).status == 201:
            pass
    assert (answer.status, answer.code) == (403, "partner_inactive")
    assert (await api.call("PATCH", f"/admin/partners/{partner_id}", {"active": True})).status == 200
    # An operator's, who is not asked for a partner of its own: what is in flight is looked at after the partner.
    replacing = await other.call("PUT", f"/channelManager/{first.body['orderId']}", {})
    assert (replacing.status, replacing.code) == (409, "order_in_flight")
    assert (await submit(other, partner_id, "R-again", key=key)).status == 201


async def test_one_partner_id_claimed_on_two_instances_at_once_is_given_once(api: Api, other: Api) -> None:
    body = {"name": "Agent", "partnerId": "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"}
    answers = await asyncio.gather(
        *((api, other)[number % 2].call("POST", "/admin/partners", body) for number in range(10))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 9
