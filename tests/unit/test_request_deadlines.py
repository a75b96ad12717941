"""A request that is overdue is cut off where it waits, and goes on with its answer; nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from services.api.deadlines import RequestDeadlines

SECONDS = 0.2


@pytest.fixture
async def deadlines() -> AsyncIterator[RequestDeadlines]:
    made = RequestDeadlines(SECONDS)
    async for _ in made.kept(web.Application()):
        yield made


async def _request(deadlines: RequestDeadlines, work: Callable[[asyncio.Task[None]], Awaitable[str]]) -> str:
    task = deadlines.begin()
    try:
        return await work(task)
    except asyncio.CancelledError:
        if not deadlines.has_cut(task):
            raise
        await asyncio.sleep(0)  # it can still wait
        return "cut"
    finally:
        deadlines.end(task)


async def _for_ever(_: asyncio.Task[None]) -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def test_one_that_waits_for_too_long_is_cut_off(deadlines: RequestDeadlines) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(10):
        assert await asyncio.create_task(_request(deadlines, _for_ever)) == "cut"
    assert loop.time() - began >= SECONDS


async def test_the_senders_time_is_not_counted(deadlines: RequestDeadlines) -> None:
    async def slow_sender(task: asyncio.Task[None]) -> str:
        left = deadlines.pause(task)
        overdue = asyncio.create_task(_request(deadlines, _for_ever))
        assert await overdue == "cut"  # begun later, and over
        deadlines.resume(task, left)
        return "whole"

    assert await asyncio.create_task(_request(deadlines, slow_sender)) == "whole"


async def test_one_that_somebody_else_ends_is_ended(deadlines: RequestDeadlines) -> None:
    request = asyncio.create_task(_request(deadlines, _for_ever))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_one_that_is_done_all_the_same_can_wait_again(deadlines: RequestDeadlines) -> None:
    """What it waited for swallowed the cancellation, as psycopg's waits may do before Python 3.12."""

    async def stubborn(task: asyncio.Task[None]) -> str:
        try:
            return await _for_ever(task)
        except asyncio.CancelledError:
            return "done"

    async def then_waits() -> tuple[str, int]:
        outcome = await _request(deadlines, stubborn)
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return outcome, task.cancelling()

    assert await asyncio.create_task(then_waits()) == ("done", 0)
