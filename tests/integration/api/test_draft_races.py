"""A Draft's end races a confirmation, a cancellation, another timer: one of them wins, and all of it holds together."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.integration.api.expiring import Timer, drafts, is_there, limited, numbers, topics
from tests.integration.api.serving import Answer
from tests.integration.api.shop import Shop, opened

ROUNDS, AT_ONCE = 200, 20
ENDS = ("order.confirmed.v1", "order.removed.v1")


@pytest.fixture
async def running(dsn: str) -> AsyncIterator[Shop]:
    async with limited(dsn) as shop:
        yield shop


async def _after(turns: int, shop: Shop, method: str, path: str, body: object = None) -> Answer:
    """Asked when the loop has gone round so often: the timer is then somewhere on its way."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await shop.call(method, path, body)


async def _race(shop: Shop, method: str, place: str, body: object, chance: random.Random) -> dict[str, int]:
    """By path, what the partner was answered; the timer has looked at every Draft twice."""
    paths = await drafts(shop, AT_ONCE)
    await shop.projected()
    timer = Timer(shop.platform)
    answers, *_ = await asyncio.gather(
        asyncio.gather(*(_after(chance.randrange(60), shop, method, path + place, body) for path in paths)),
        timer.expire(),
    )
    await timer.expire()
    return {path: answer.status for path, answer in zip(paths, answers, strict=True)}


async def test_of_confirmation_and_expiry_exactly_one_wins(running: Shop) -> None:
    chance = random.Random(10)
    told: dict[str, int] = {}
    while len(told) < ROUNDS or len(set(told.values())) < 2:
        told |= await _race(running, "POST", "/confirm", {"paymentReference": "P"}, chance)
    for path, status in told.items():
        events = [topic for topic in await topics(running, path) if topic in ENDS]
        assert events == (["order.confirmed.v1"] if status == 200 else ["order.removed.v1"]), path
        assert await is_there(running, path) == (status == 200)
    won = Counter(told.values())
    assert set(won) == {200, 404}, won
    # What the winner left: places sold or given back, numbers living or free, the reference held or free.
    assert await numbers(running, "select sum(held)::int, sum(sold)::int from allotments") == (0, won[200])
    assert await numbers(running, "select count(*)::int from shown_numbers where living") == (2 * won[200],)
    held = "select count(*)::int from stored_events where topic = 'reference.reserved.v1'"
    free = "select count(*)::int from stored_events where topic = 'reference.released.v1'"
    assert await numbers(running, held) == (len(told),)
    assert await numbers(running, free) == (won[404],)
    voided = "select count(*)::int from stored_events where topic = 'order.void_requested.v1'"
    assert await numbers(running, voided) == (won[404],)


async def test_of_cancellation_and_expiry_exactly_one_wins(running: Shop) -> None:
    told = await _race(running, "DELETE", "", None, random.Random(11))
    for path, status in told.items():
        assert status in (200, 404)
        assert (await topics(running, path)).count("order.removed.v1") == 1
        assert not await is_there(running, path)
    assert await numbers(running, "select sum(held)::int, sum(sold)::int from allotments") == (0, 0)


async def test_of_replacement_and_expiry_exactly_one_wins(running: Shop) -> None:
    paths = await drafts(running, AT_ONCE)
    bodies = [
        running.body(sellToOrderReference=(await running.get(path)).body["sellToOrderReference"], paymentReference="P")
        for path in paths
    ]
    await running.projected()
    chance = random.Random(12)
    answers, _ = await asyncio.gather(
        asyncio.gather(
            *(
                _after(chance.randrange(60), running, "PUT", path, body)
                for path, body in zip(paths, bodies, strict=True)
            )
        ),
        Timer(running.platform).expire(),
    )
    for path, answer in zip(paths, answers, strict=True):
        assert answer.status in (200, 404)
        assert (await topics(running, path)).count("order.removed.v1") == (answer.status == 404)
        if answer.status == 200:
            assert (await running.settled(path))["status"] == "Issued"
    issued = Counter(answer.status for answer in answers)[200]
    assert await numbers(running, "select sum(held)::int, sum(sold)::int from allotments") == (0, issued)


async def test_several_timers_at_once_remove_each_draft_once(running: Shop, dsn: str) -> None:
    paths = await drafts(running, 60)
    await running.projected()
    async with AsyncExitStack() as stack:
        elsewhere = [await stack.enter_async_context(opened(dsn)) for _ in range(2)]
        timers = [Timer(shop.platform) for shop in (running, *elsewhere)]
        counted = await asyncio.gather(*(timer.expire() for timer in timers))
    assert sum(counted) == len(paths)
    for path in paths:
        assert (await topics(running, path)).count("order.removed.v1") == 1
        assert not await is_there(running, path)
    assert await numbers(running, "select sum(held)::int, sum(sold)::int from allotments") == (0, 0)
