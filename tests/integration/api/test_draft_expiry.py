"""Drafts whose time is up are removed as by cancelOrder: for everyone, and only they."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from domain.order.state import Draft, Order, Removed
from projections.directory import Directory
from projections.expiring_drafts import ExpiringDrafts
from tests.integration.api.expiring import (
    LATER,
    TTL_SECONDS,
    Timer,
    draft_of,
    drafts,
    end_of,
    is_there,
    limited,
    numbers,
    set_limit,
    topics,
)
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, eventually, line, opened, order_id

REMOVED = ["order.removed.v1", "order.void_requested.v1"]


@pytest.fixture
async def running(dsn: str) -> AsyncIterator[Shop]:
    async with limited(dsn) as shop:
        yield shop


async def test_an_expired_draft_is_gone_and_its_history_says_why(running: Shop) -> None:
    answer = await running.create(sellToOrderReference="AGAIN")
    draft = f"/channelManager/{answer.body['orderId']}"
    await running.settled(draft)
    await running.projected()
    timer = Timer(running.platform)
    assert (await timer.expire(), await timer.expire()) == (1, 0)

    assert (await running.get(draft)).status == 404
    assert (await running.call("DELETE", draft)).status == 404
    assert (await running.call("POST", f"{draft}/confirm", {"paymentReference": "P"})).status == 404
    *_, removed, void = (await running.get(f"{draft}/history", key=OPERATOR_KEY)).body
    assert [removed["type"], void["type"]] == REMOVED
    assert removed["data"]["reason"] == "expired"
    assert removed["actor"] == {"scope": "draft-expiry"}
    assert removed["correlationId"] == answer.headers["X-Correlation-Id"]
    before, state = (json.loads(row[3])["metadata"] for row in (await running.log(draft))[-3:-1])
    assert (state["causationId"], state["venueId"]) == (before["commandId"], before["venueId"])
    assert (await running.create(sellToOrderReference="AGAIN")).status == 201


async def test_an_expired_draft_is_in_no_list_and_once_among_the_changes(running: Shop) -> None:
    stays, goes = await running.issued(), await running.draft()
    await running.projected()
    last = max(int(row["rowVersion"]) for row in await running.listed("?sync=true"))
    assert await Timer(running.platform).expire() == 1
    await running.projected()
    assert [row["orderId"] for row in await running.listed()] == [str(order_id(stays))]
    (row,) = await running.listed(f"?lastRowVersion={last}")
    assert (row["orderId"], row["status"], row["removed"]) == (str(order_id(goes)), "Cancelled", True)
    assert "expiresAt" not in row


async def test_it_gives_back_places_and_numbers(running: Shop) -> None:
    await drafts(running, 3, items=[line(quantity=2)])
    taken = "select sum(held)::int, sum(sold)::int from allotments"
    living = "select count(*)::int from shown_numbers where living"
    assert await numbers(running, taken) == (6, 0)
    assert await numbers(running, living) == (12,)  # each ticket's and each wallet's
    await running.projected()
    assert await Timer(running.platform).expire() == 3
    assert await numbers(running, taken) == (0, 0)
    assert await numbers(running, living) == (0,)


async def test_only_drafts_that_are_over_go_and_only_of_partners_with_a_limit(running: Shop) -> None:
    other = await running.partner("For ever")
    mine, theirs, issued = await running.draft(), await draft_of(running, other), await running.issued()
    end = datetime.fromisoformat(end_of((await running.get(mine)).body, TTL_SECONDS))
    await running.projected()
    timer = Timer(running.platform)
    timer.clock = end - timedelta(milliseconds=1)
    assert await timer.expire() == 0
    timer.clock = end + timedelta(milliseconds=1)
    assert await timer.expire() == 1
    assert [await is_there(running, path) for path in (mine, theirs, issued)] == [False, True, True]
    await set_limit(running, 1, other)
    assert await timer.expire() == 1
    assert not await is_there(running, theirs)


async def test_a_disabled_partners_drafts_expire_too(running: Shop) -> None:
    draft = await running.draft()
    await running.projected()
    await running.call("PATCH", f"/admin/partners/{running.partner_id}", {"active": False}, key=OPERATOR_KEY)
    assert await Timer(running.platform).expire() == 1
    assert not await is_there(running, draft)


async def test_a_draft_that_was_replaced_counts_from_its_new_issuance(running: Shop) -> None:
    draft = await running.draft()
    first = datetime.fromisoformat((await running.get(draft)).body["expiresAt"])
    body = running.body(sellToOrderReference=(await running.get(draft)).body["sellToOrderReference"])
    assert (await running.call("PUT", draft, body)).status == 200
    second = datetime.fromisoformat((await running.settled(draft))["expiresAt"])
    await running.projected()
    timer = Timer(running.platform)
    timer.clock = first + (second - first) / 2
    assert await timer.expire() == 0
    timer.clock = second + timedelta(milliseconds=1)
    assert await timer.expire() == 1


async def test_a_limit_that_is_lengthened_when_the_draft_is_found_already_counts(running: Shop) -> None:
    """In a process that has not heard of it by itself."""
    draft = await running.draft()
    await running.projected()
    directory = Directory(running.platform.recorder, running.platform.mapper)
    await directory.refresh()

    class Late(ExpiringDrafts):
        async def due(self, ttl_seconds: Mapping[UUID, int], now: datetime, limit: int) -> list[UUID]:
            found = await super().due(ttl_seconds, now, limit)
            assert found == [order_id(draft)]
            await set_limit(running, 10 * TTL_SECONDS)
            return found

    assert await Timer(running.platform, Late(running.platform.reads), directory).expire() == 0
    assert await is_there(running, draft)


async def test_what_is_over_is_found_after_a_restart(dsn: str) -> None:
    """The process that issued the Draft is gone, and none was at work when its time was up."""
    async with limited(dsn) as shop:
        draft = await shop.draft()
        await shop.projected()
    async with opened(dsn) as restarted:
        assert await Timer(restarted.platform).expire() == 1
        assert not await is_there(restarted, draft)


async def test_the_roles_own_timer_is_at_work(running: Shop) -> None:
    draft = await running.draft()
    await set_limit(running, 1)

    async def gone() -> bool:
        return not await is_there(running, draft)

    await eventually(gone)
    assert (await topics(running, draft))[-2:] == REMOVED


async def test_a_history_that_cannot_be_read_keeps_no_other_draft(
    running: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = await drafts(running, 2)
    await running.projected()
    load_one = running.platform.orders.load_one

    async def load(one: UUID) -> Any:
        if one == order_id(broken):
            raise LookupError
        return await load_one(one)

    timer = Timer(running.platform)
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(running.platform.orders, "load_one", load)
        assert await timer.expire() == 1
    assert [one["order_id"] for one in logs if one["event"] == "expiry_failed"] == [str(order_id(broken))]
    assert [await is_there(running, path) for path in (broken, whole)] == [True, False]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_limits_and_clock_do_exactly_what_is_over_is_gone(running: Shop, seed: int) -> None:
    chance = random.Random(seed)
    partners = [running.partner_id, await running.partner("Second"), await running.partner("Third")]
    paths = await asyncio.gather(*(draft_of(running, partner) for partner in partners for _ in range(6)))
    await running.projected()

    async def found() -> dict[str, Order]:
        loaded = await running.platform.orders.load([order_id(path) for path in paths])
        return {path: loaded[order_id(path)].state for path in paths}

    living = {path: draft for path, draft in (await found()).items() if isinstance(draft, Draft)}
    assert len(living) == 18
    timer = Timer(running.platform)
    timer.clock -= LATER
    for _ in range(12):
        limits: dict[str, int | None] = {}
        for partner in partners:
            limits[partner] = chance.choice([None, 5_000, 20_000, 100_000])
            await set_limit(running, limits[partner], partner)
        timer.clock += timedelta(seconds=chance.randrange(20_000))
        if living and chance.random() < 0.5:
            paid = chance.choice(sorted(living))
            answer = await running.call("POST", f"{paid}/confirm", {"paymentReference": "P"}, key=OPERATOR_KEY)
            assert answer.status == 200
            del living[paid]
        over = {
            path
            for path, draft in living.items()
            if (limit := limits[str(draft.order.partner_id)]) is not None
            and draft.issuance.issued_at + timedelta(seconds=limit) <= timer.clock
        }
        assert await timer.expire() == len(over)
        states = await found()
        assert all(isinstance(states[path], Removed) for path in over)
        living = {path: draft for path, draft in living.items() if path not in over}
        assert {path for path, state in states.items() if isinstance(state, Draft)} == set(living)
