"""Webhook subscriptions over HTTP: each partner its own, the secret shown once."""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.api.serving import PUBLIC_URL, Api, serving

WEBHOOK = {"notificationUrl": "https://agent.example.com/hook?x=1", "eventName": "ota_cm_order_processed"}
FULL: dict[str, Any] = {
    **WEBHOOK,
    "eventVersion": "1.0",
    "clientState": "s3cr3t",
    "appId": "app",
    "companyId": "company",
    "companyName": "Agent A/S",
}


async def test_a_partner_subscribes_for_itself_and_sees_the_secret_once(api: Api) -> None:
    partner_id = await api.partner()
    key = await api.partner_key(partner_id)
    made = await api.call("POST", "/webhook", FULL, key=key)
    subscription = made.body
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    path = f"/webhook/{subscription['id']}"
    assert made.headers["Location"] == PUBLIC_URL + path
    secret = subscription.pop("secret")
    assert secret.startswith("whsec_")
    assert 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 32
    assert subscription == {
        **FULL,
        "id": subscription["id"],
        "partnerId": partner_id,
        "state": "active",
        "createdAt": subscription["createdAt"],
    }
    assert (await api.call("GET", path, key=key)).body == subscription
    listed = await api.call("GET", "/webhook", key=key)
    assert listed.body == {"data": [subscription], "morePages": False, "nextPageKey": "", "nextPageURL": ""}


async def test_what_was_not_given_is_absent_or_has_its_default(api: Api) -> None:
    partner_id = await api.partner()
    made = await api.made("/webhook", {**WEBHOOK, "partnerId": partner_id, "appId": None})
    assert set(made) == {
        *("id", "notificationUrl", "eventName", "eventVersion", "clientState", "partnerId"),
        *("state", "createdAt", "secret"),
    }
    assert (made["eventVersion"], made["clientState"], made["partnerId"]) == ("1.0", None, partner_id)


async def test_an_operator_names_the_partner(api: Api) -> None:
    assert (await api.call("POST", "/webhook", WEBHOOK)).faults == [("/partnerId", "required")]
    assert (await api.call("POST", "/webhook", {**WEBHOOK, "partnerId": None})).faults == [("/partnerId", "required")]
    unknown = {**WEBHOOK, "partnerId": str(uuid4()), "eventName": "other"}
    assert (await api.call("POST", "/webhook", unknown)).faults == [
        ("/eventName", "unknown_value"),
        ("/partnerId", "unknown_partner"),
    ]


async def test_a_partner_names_itself_or_nobody(api: Api) -> None:
    own, another = await api.partner(), await api.partner()
    key = await api.partner_key(own)
    assert (await api.made("/webhook", {**WEBHOOK, "partnerId": own.upper()}, key=key))["partnerId"] == own
    for partner_id in (another, str(uuid4())):
        # before the body's faults, and whether that partner exists or not
        created = await api.call("POST", "/webhook", {"partnerId": partner_id, "eventName": 7}, key=key)
        listed = await api.call("GET", f"/webhook?partnerId={partner_id}", key=key)
        for answer in (created, listed):
            assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"eventName": "ota_cm_order_confirmed"}, ("/eventName", "unknown_value")),
        ({"eventVersion": "2.0"}, ("/eventVersion", "unknown_value")),
        ({"clientState": "x" * 51}, ("/clientState", "too_long")),
        ({"companyName": "x" * 251}, ("/companyName", "too_long")),
        ({"notificationUrl": "http://agent.example.com/"}, ("/notificationUrl", "bad_format")),
        ({"notificationUrl": "not a url"}, ("/notificationUrl", "bad_format")),
        ({"notificationUrl": None}, ("/notificationUrl", "required")),
        ({"secret": "whsec_mine"}, ("/secret", "unknown_field")),
    ],
    ids=str,
)
async def test_a_fault_in_a_subscription_is_told(api: Api, change: dict[str, Any], fault: tuple[str, str]) -> None:
    key = await api.partner_key(await api.partner())
    assert (await api.call("POST", "/webhook", {**WEBHOOK, **change}, key=key)).faults == [fault]
    assert (await api.call("GET", "/webhook", key=key)).body["data"] == []


async def test_plain_http_is_taken_where_the_operator_allows_it(dsn: str) -> None:
    async with serving(dsn, OTA_CM_WEBHOOK_ALLOW_HTTP="1") as api:
        body = {**WEBHOOK, "notificationUrl": "http://127.0.0.1:9000/", "partnerId": await api.partner()}
        assert (await api.made("/webhook", body))["notificationUrl"] == "http://127.0.0.1:9000/"


async def test_another_partners_subscription_is_not_there(api: Api) -> None:
    key = await api.partner_key(await api.partner())
    others = await api.made("/webhook", {**WEBHOOK, "partnerId": await api.partner()})
    for subscription_id in (others["id"], str(uuid4()), "none"):
        for method in ("GET", "DELETE"):
            answer = await api.call(method, f"/webhook/{subscription_id}", key=key)
            assert (answer.status, answer.code) == (404, "resource_not_found")
    assert (await api.call("GET", "/webhook", key=key)).body["data"] == []
    assert (await api.call("GET", f"/webhook/{others['id']}")).status == 200


async def test_an_operator_lists_all_or_one_partners(api: Api) -> None:
    first, second = await api.partner(), await api.partner()
    ids = [(await api.made("/webhook", {**WEBHOOK, "partnerId": owner}))["id"] for owner in (first, second, first)]

    async def listed(query: str) -> list[str]:
        return [row["id"] for row in (await api.call("GET", f"/webhook{query}")).body["data"]]

    assert await listed("") == ids[::-1]  # the newest first
    assert await listed(f"?partnerId={first.upper()}") == [ids[2], ids[0]]
    assert (await api.call("GET", f"/webhook?partnerId={uuid4()}")).status == 404
    assert (await api.call("GET", "/webhook?partnerId=none")).faults == [("/partnerId", "bad_format")]


async def test_a_deleted_subscription_is_gone(api: Api) -> None:
    key = await api.partner_key(await api.partner())
    path = f"/webhook/{(await api.made('/webhook', WEBHOOK, key=key))['id']}"
    deleted = await api.call("DELETE", path, key=key)
    assert (deleted.status, deleted.text) == (204, "")
    for method in ("GET", "DELETE"):
        assert (await api.call(method, path, key=key)).status == 404
    assert (await api.call("GET", "/webhook", key=key)).body["data"] == []
