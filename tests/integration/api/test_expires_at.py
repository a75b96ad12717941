"""`expiresAt`: on Drafts that will expire, wherever an order is shown, and by what the partner's limit is now."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.expiring import TTL_SECONDS, end_of, limited, set_limit
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop


@pytest.fixture
async def running(dsn: str) -> AsyncIterator[Shop]:
    async with limited(dsn) as shop:
        yield shop


async def test_a_draft_says_when_it_expires_and_nothing_else_does(running: Shop) -> None:
    submitted = await running.create(paymentReference="PAY-1")
    assert "expiresAt" not in submitted.body
    issued, draft = await running.issued(), await running.draft()
    shown = (await running.get(draft)).body
    assert shown["expiresAt"] == end_of(shown, TTL_SECONDS)
    assert "expiresAt" not in (await running.get(issued)).body
    await running.projected()
    for query in ("", "?sync=true"):
        rows = {row["orderId"]: row.get("expiresAt") for row in await running.listed(query)}
        assert rows.pop(shown["orderId"]) == shown["expiresAt"]
        assert set(rows.values()) == {None}
    confirmed = await running.call("POST", f"{draft}/confirm", {"paymentReference": "P"})
    assert "expiresAt" not in confirmed.body


async def test_it_follows_the_partners_limit_without_a_new_version(running: Shop) -> None:
    draft = await running.draft()
    await running.projected()
    before = await running.get(draft)
    (listed,) = await running.listed("?sync=true")
    for seconds in (60 * TTL_SECONDS, 3_153_600_000, TTL_SECONDS + 1):
        await set_limit(running, seconds)
        after = await running.get(draft)
        assert after.body == {**before.body, "expiresAt": end_of(before.body, seconds)}
        assert after.headers["ETag"] == before.headers["ETag"]
        assert await running.listed("?sync=true") == [{**listed, "expiresAt": after.body["expiresAt"]}]
    await set_limit(running, None)
    assert "expiresAt" not in (await running.get(draft)).body
    assert all("expiresAt" not in row for row in await running.listed())


async def test_the_etag_tells_of_the_order_and_not_of_its_end(running: Shop) -> None:
    draft = await running.draft()
    tag = (await running.get(draft)).headers["ETag"]
    await set_limit(running, 2 * TTL_SECONDS)
    assert (await running.get(draft, headers={"If-None-Match": tag})).status == 304
    answer = await running.call("POST", f"{draft}/confirm", {"paymentReference": "P"}, headers={"If-Match": tag})
    assert answer.status == 200


async def test_an_order_as_it_was_expires_by_the_limit_as_it_was(running: Shop) -> None:
    draft = await running.draft()
    shown = (await running.get(draft)).body
    drafted = (await running.get(f"{draft}/history")).body[-1]["recordedAt"]
    changed: list[tuple[int | None, str]] = [(TTL_SECONDS, drafted)]
    for seconds in (2 * TTL_SECONDS, None, 3 * TTL_SECONDS):
        await set_limit(running, seconds)
        recorded_at = (await running.log())[-1][4]
        changed.append((seconds, recorded_at.isoformat().replace("+00:00", "Z")))
    await running.call("POST", f"{draft}/confirm", {"paymentReference": "P"})
    for seconds, moment in changed:
        was = (await running.get(f"{draft}?asOf={moment}", key=OPERATOR_KEY)).body
        assert was["status"] == "Draft"
        assert was.get("expiresAt") == (end_of(shown, seconds) if seconds is not None else None)


async def test_an_operator_and_an_auditor_see_it_as_the_partner_does(running: Shop) -> None:
    draft = await running.draft()
    shown = (await running.get(draft)).body["expiresAt"]
    for key in (OPERATOR_KEY, await running.auditor_key()):
        assert (await running.get(draft, key=key)).body["expiresAt"] == shown


async def test_what_an_answer_shows_of_it_is_accepted_and_ignored_in_a_replacement(running: Shop) -> None:
    draft = await running.draft()
    body = (await running.get(draft)).body
    for line in body["items"]:
        line["wallets"] = []
    body["totals"] = None
    assert (await running.call("PUT", draft, body)).status == 200
    await running.settled(draft)
    again = (await running.get(draft)).body
    assert again["expiresAt"] == end_of(again, TTL_SECONDS)
    assert again["expiresAt"] > body["expiresAt"]


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", True, 3_153_600_001])
async def test_a_limit_is_a_whole_number_of_seconds_or_none(running: Shop, seconds: object) -> None:
    path = f"/admin/partners/{running.partner_id}"
    answer = await running.call("PATCH", path, {"draftTtlSeconds": seconds}, key=OPERATOR_KEY)
    code = "out_of_range" if isinstance(seconds, int) and not isinstance(seconds, bool) else "wrong_type"
    assert answer.faults == [("/draftTtlSeconds", code)]
    assert (await running.get(path, key=OPERATOR_KEY)).body["draftTtlSeconds"] == TTL_SECONDS
