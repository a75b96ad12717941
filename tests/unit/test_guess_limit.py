"""How often a key may ask for what is not there: thirty times in the minute that begins with the first."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from infra.event_store.mapper import Actor
from services.api.call import Caller
from services.api.gate.guess_limit import LIMIT, GuessLimit, LookUp
from services.api.problems import Problem


class Door:
    """A key that asks, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.limits = GuessLimit(lambda: self.now)

    def look_up(self, key_id: str = "door") -> AbstractAsyncContextManager[LookUp]:
        caller = Caller("gate", key_id, None, f"key:{key_id}", Actor(scope="gate", key_id=key_id))
        return self.limits.look_up(caller)

    async def guess(self, times: int = 1, key_id: str = "door") -> None:
        for _ in range(times):
            async with self.look_up(key_id) as look_up:
                look_up.is_unknown()

    async def known(self, key_id: str = "door") -> None:
        async with self.look_up(key_id):
            pass

    async def seconds_to_wait(self, key_id: str = "door") -> str:
        with pytest.raises(Problem) as caught:
            await self.known(key_id)
        assert (caught.value.status, caught.value.code) == (429, "rate_limited")
        return caught.value.headers["Retry-After"]

    @property
    def counted(self) -> float:
        (family,) = self.limits.families()
        return sum(sample.value for sample in family.samples if sample.labels == {"scope": "gate"})


@pytest.fixture
def door() -> Door:
    return Door()


async def test_after_the_thirtieth_nothing_is_answered_until_the_minute_is_over(door: Door) -> None:
    await door.guess()
    door.now += 20
    await door.guess(LIMIT - 1)
    assert await door.seconds_to_wait() == "40"
    door.now += 39.5
    assert await door.seconds_to_wait() == "1"
    door.now += 0.5
    await door.guess(LIMIT)
    assert await door.seconds_to_wait() == "60"


async def test_a_minute_that_went_by_counts_no_more(door: Door) -> None:
    await door.guess(LIMIT - 1)
    door.now += 60
    await door.guess(LIMIT - 1)
    await door.known()


async def test_what_is_known_does_not_count(door: Door) -> None:
    await asyncio.gather(*(door.known() for _ in range(10 * LIMIT)))
    await door.guess(LIMIT - 1)
    await asyncio.gather(*(door.known() for _ in range(10 * LIMIT)))
    await door.guess()
    assert await door.seconds_to_wait() == "60"


async def test_each_key_has_its_own(door: Door) -> None:
    await door.guess(LIMIT)
    await door.guess(LIMIT - 1, "other door")
    await door.known("other door")
    assert door.counted == 2 * LIMIT - 1


async def test_an_answer_says_how_many_guesses_are_left_and_for_how_long(door: Door) -> None:
    async with door.look_up() as look_up:
        assert look_up.headers["RateLimit"] == '"unknown-references";r=30;t=60'
        look_up.is_unknown()
        door.now += 15.2
        assert look_up.headers["RateLimit"] == '"unknown-references";r=29;t=45'
        assert look_up.headers["RateLimit-Policy"] == '"unknown-references";q=30;w=60'


async def test_while_as_many_are_under_way_as_could_all_be_wrong_the_next_one_waits(door: Door) -> None:
    await door.guess(LIMIT - 1)
    entered = asyncio.Event()

    async def next_one() -> None:
        async with door.look_up():
            entered.set()

    async with door.look_up():
        waiting = asyncio.create_task(next_one())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not entered.is_set()
    await waiting
    assert entered.is_set()


async def test_of_those_that_wait_all_hear_that_no_guess_is_left(door: Door) -> None:
    async def one(number: int) -> str:
        try:
            async with door.look_up() as look_up:
                await asyncio.sleep(0)
                if number % 2:
                    look_up.is_unknown()
        except Problem as problem:
            return problem.code
        return "unknown" if number % 2 else "known"

    answers = await asyncio.gather(*(one(number) for number in range(1000)))
    assert answers.count("unknown") == LIMIT == door.counted
    assert answers.count("rate_limited") + answers.count("known") == 1000 - LIMIT
    assert answers.count("rate_limited") > 900


async def test_a_look_up_that_fails_or_is_given_up_takes_no_guess(door: Door) -> None:
    for _ in range(2 * LIMIT):
        with pytest.raises(ConnectionError):
            async with door.look_up():
                raise ConnectionError
    waiting = [asyncio.create_task(door.known()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await door.guess(LIMIT)
    assert await door.seconds_to_wait() == "60"
