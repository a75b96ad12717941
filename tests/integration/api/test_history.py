"""An order's history, its hashes, and the order as it was."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, line, now, order_id

WALK = [
    "order.submitted.v1",
    "order.scheduled.v1",
    "order.processing.v1",
    "order.drafted.v1",
    "order.confirmed.v1",
    "order.cancelled.v1",
    "order.void_requested.v1",
]


async def _walked(shop: Shop, **changes: Any) -> str:
    """An order that was drafted, confirmed and cancelled."""
    async with shop.issuing():
        path = await shop.draft(**changes)
        await shop.call("POST", f"{path}/confirm", {"paymentReference": "P"}, headers={"X-Correlation-Id": "mine"})
        await shop.call("DELETE", path, key=OPERATOR_KEY)
    return path


async def test_what_happened_oldest_first(shop: Shop) -> None:
    began = now()
    names = ["Ann Ångström", ""]
    path = await _walked(shop, sellToName="Jane Doe", items=[line(quantity=2, wallet={"names": names})])
    history = (await shop.get(f"{path}/history")).body
    assert [event["type"] for event in history] == WALK
    assert [event["version"] for event in history] == list(range(1, 8))
    rows = await shop.log(path)
    assert [event["position"] for event in history] == [row[0] for row in rows]
    for event in history:
        assert set(event) == {
            *("position", "version", "type", "occurredAt", "recordedAt", "actor", "correlationId", "data", "hash")
        }
        for moment in ("occurredAt", "recordedAt"):
            assert event[moment].endswith("Z")
            assert began <= datetime.fromisoformat(event[moment]) <= now()
    submitted = history[0]["data"]
    assert submitted["content"]["sellToName"] == "Jane Doe"
    assert submitted["content"]["lines"][0]["walletNames"] == ["Ann Ångström", None]
    assert submitted["order"]["partnerId"] == shop.partner_id
    assert {event["actor"]["scope"] for event in history[:1] + history[4:5]} == {"partner"}
    assert history[5]["actor"] == {"scope": "operator", "keyId": "settings"}
    assert history[4]["correlationId"] == "mine"
    auditor = await shop.auditor_key()
    assert (await shop.get(f"{path}/history", key=auditor)).body == history


async def test_each_hash_follows_from_the_row(shop: Shop) -> None:
    path = await _walked(shop)
    history = (await shop.get(f"{path}/history")).body
    expected = []
    for position, version, topic, state, _ in await shop.log(path):
        entry = f"ota-cm/1 {position} {order_id(path)} {version} {topic} {sha256(state).hexdigest()}\n"
        expected.append(b64encode(sha256(b"\0" + entry.encode()).digest()).decode())
    assert [event["hash"] for event in history] == expected


async def test_as_it_was_after_the_last_event_recorded_by_a_moment(shop: Shop) -> None:
    path = await _walked(shop, sellToName="Jane")
    history = (await shop.get(f"{path}/history")).body
    statuses = {}
    for event in history:
        answer = await shop.get(f"{path}?asOf={event['recordedAt']}")
        statuses[event["recordedAt"]] = answer.body["status"]
        # Events of one save are recorded at one moment: it is after the last of them.
        last = max(other["version"] for other in history if other["recordedAt"] == event["recordedAt"])
        assert answer.headers["ETag"] == f'"v{last}"'
        assert answer.body["sellToName"] == "Jane"
        assert "Retry-After" not in answer.headers  # the past does not move
        told = (await shop.get(f"{path}/history?asOf={event['recordedAt']}")).body
        assert told == history[:last]
    assert list(statuses.values()) == ["Submitted", "Processing", "Draft", "Issued", "Cancelled"]
    first = datetime.fromisoformat(history[0]["recordedAt"])
    between = first + timedelta(microseconds=1)
    assert (await shop.get(f"{path}?asOf={quote(between.isoformat())}")).body["status"] == "Submitted"
    before = (first - timedelta(microseconds=1)).isoformat()
    for place in (path, f"{path}/history"):
        answer = await shop.get(f"{place}?asOf={quote(before)}")
        assert (answer.status, answer.code) == (404, "resource_not_found")
    later = await shop.get(f"{path}?asOf=2099-01-01T00:00:00Z")
    assert later.body == (await shop.get(path)).body


async def test_a_moment_may_be_written_in_any_time_zone(shop: Shop) -> None:
    path = await shop.created()
    soon = (now() + timedelta(hours=1, minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    for text in (f"{soon}+01:00", f"{soon}%2B01:00", f"{soon}%2b01:00", f"{soon}%20 01:00".replace(" 01", "01")):
        assert (await shop.get(f"{path}?asOf={text}")).status == 200, text
    assert (await shop.get(f"{path}?asOf={soon}-01:00")).status == 200
    assert (await shop.get(f"{path}?asOf={soon}+02:00")).status == 404
    for text in ("0001-01-01T00:00:00%2B23:59", "0001-01-01T00:00:00Z"):
        assert (await shop.get(f"{path}?asOf={text}")).status == 404, text
    assert (await shop.get(f"{path}?asOf=9999-12-31T23:59:59.999999-23:59")).status == 200


async def test_what_is_no_moment_is_named(shop: Shop) -> None:
    path = await shop.created()
    for text in (
        "",
        "now",
        "2026-11-23",
        "2026-11-23T10:15:30",
        "2026-13-01T00:00:00Z",
        "1",
        "%00",
        "%ff",
        "2026-11-23T10:15Z",
    ):
        for place in (path, f"{path}/history"):
            assert (await shop.get(f"{place}?asOf={text}")).faults == [("/asOf", "bad_format")], text


async def test_a_removed_orders_past_is_the_auditors(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.draft(sellToName="Jane")
    drafted = (await shop.get(f"{path}/history")).body[-1]["recordedAt"]
    assert (await shop.call("DELETE", path)).status == 200
    auditor = await shop.auditor_key()
    for key in (auditor, OPERATOR_KEY):
        history = (await shop.get(f"{path}/history", key=key)).body
        assert [event["type"] for event in history[-2:]] == ["order.removed.v1", "order.void_requested.v1"]
        was = await shop.get(f"{path}?asOf={drafted}", key=key)
        assert (was.body["status"], was.body["sellToName"]) == ("Draft", "Jane")
        assert (await shop.get(f"{path}?asOf={history[-1]['recordedAt']}", key=key)).status == 404
        assert (await shop.get(path, key=key)).status == 404
        earlier = (await shop.get(f"{path}/history?asOf={drafted}", key=key)).body
        assert earlier == history[:-2]
    for place in (f"{path}?asOf={drafted}", f"{path}/history", f"{path}/history?asOf={drafted}"):
        assert (await shop.get(place)).status == 404
