"""Look-ups that are gathered: each is answered, whenever it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from infra.postgres.gathered import MAX_KEYS, Gathered


class Fetching:
    """Answers each key with its double, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.was_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(list(keys))
        self.was_asked.set()
        await self.may_answer.wait()
        return {key: 2 * key for key in keys if key >= 0}


async def test_a_look_up_that_comes_just_as_the_last_one_ends_is_answered() -> None:
    """Who was answered asks again before the loop has seen that the asking task is done."""
    gathered = Gathered(Fetching(), concurrency=1)
    for key in range(100):
        assert await asyncio.wait_for(gathered.get(key), 1) == 2 * key


async def test_look_ups_that_wait_together_are_asked_for_together() -> None:
    fetching = Fetching()
    gathered = Gathered(fetching, concurrency=1)
    fetching.may_answer.clear()
    first = asyncio.ensure_future(gathered.get(0))
    await fetching.was_asked.wait()
    others = [asyncio.ensure_future(gathered.get(key)) for key in (1, 2, 3, 2)]
    await asyncio.sleep(0)
    fetching.may_answer.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 4]
    assert fetching.asked == [[0], [1, 2, 3]]


async def test_a_look_up_never_joins_a_query_that_is_under_way() -> None:
    """What was committed before it was asked for must be in its answer."""
    fetching = Fetching()
    gathered = Gathered(fetching, concurrency=1)
    fetching.may_answer.clear()
    first = asyncio.ensure_future(gathered.get(7))
    await fetching.was_asked.wait()
    second = asyncio.ensure_future(gathered.get(7))
    await asyncio.sleep(0)
    fetching.may_answer.set()
    await asyncio.gather(first, second)
    assert fetching.asked == [[7], [7]]


async def test_what_is_not_there_is_none_and_many_keys_are_several_queries() -> None:
    fetching = Fetching()
    gathered = Gathered(fetching, concurrency=1)
    answers = await asyncio.gather(*(gathered.get(key) for key in range(-1, MAX_KEYS + 10)))
    assert answers == [None, *(2 * key for key in range(MAX_KEYS + 10))]
    assert all(len(keys) <= MAX_KEYS for keys in fetching.asked)


async def test_a_failed_query_fails_its_own_look_ups_alone() -> None:
    async def fetch(keys: Sequence[int]) -> Mapping[int, int]:
        if 13 in keys:
            raise LookupError("thirteen")
        return {key: key for key in keys}

    gathered = Gathered(fetch, concurrency=1)
    with pytest.raises(LookupError):
        await gathered.get(13)
    assert await gathered.get(1) == 1


async def test_a_caller_that_hangs_up_takes_nobody_with_it() -> None:
    fetching = Fetching()
    gathered = Gathered(fetching, concurrency=1)
    fetching.may_answer.clear()
    one, other = (asyncio.ensure_future(gathered.get(5)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    fetching.may_answer.set()
    assert await other == 10
