"""The watchdog over the event loop. It runs loops of its own: the one of the test is watched already."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from blockbuster import BlockingError

from infra.loop_watchdog import LoopWatchdog


def hold_the_loop(seconds: float) -> None:
    """Compute for a time that the thread had a CPU for, whatever else the machine does."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_held_loop_is_noticed_and_the_stack_says_where() -> None:
    async def main() -> tuple[float, str]:
        with LoopWatchdog(interval=0.001, threshold=0.1) as watchdog:
            await asyncio.sleep(0.01)
            hold_the_loop(0.3)
            await asyncio.sleep(0.01)
        hold = watchdog.take_worst()
        return hold.seconds, hold.stack

    seconds, stack = asyncio.run(main())
    assert seconds > 0.2
    assert "hold_the_loop" in stack


def test_a_hold_is_told_once() -> None:
    async def main() -> tuple[float, float]:
        with LoopWatchdog(interval=0.001) as watchdog:
            await asyncio.sleep(0.01)
            hold_the_loop(0.2)
            await asyncio.sleep(0.01)
        return watchdog.take_worst().seconds, watchdog.take_worst().seconds

    first, second = asyncio.run(main())
    assert first > 0.1
    assert second == 0.0


def test_waiting_holds_nothing() -> None:
    async def main() -> float:
        with LoopWatchdog(interval=0.001) as watchdog:
            await asyncio.sleep(0.3)
        return watchdog.take_worst().seconds

    assert asyncio.run(main()) < 0.1


def test_a_loop_that_does_not_run_is_not_held() -> None:
    watchdog = LoopWatchdog(interval=0.001)

    async def begin() -> None:
        watchdog.start()
        await asyncio.sleep(0.01)

    async def end() -> None:
        watchdog.stop()

    with asyncio.Runner() as runner:
        runner.run(begin())
        hold_the_loop(0.3)
        runner.run(end())
    assert watchdog.take_worst().seconds < 0.1


async def test_a_blocking_call_fails_an_asynchronous_test() -> None:
    with pytest.raises(BlockingError):
        time.sleep(0.001)  # noqa: ASYNC251 (the fault that is to be found)


def test_its_thread_ends_with_it() -> None:
    async def main() -> None:
        with LoopWatchdog():
            await asyncio.sleep(0)

    asyncio.run(main())
    assert "loop-watchdog" not in {thread.name for thread in threading.enumerate()}
