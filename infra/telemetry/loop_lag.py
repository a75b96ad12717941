"""How late the event loop is: what a request that just came would wait before anyone looks at it.

Time for which the loop's thread had no CPU counts: a request waits for that too. (`infra/loop_watchdog.py`, for tests,
asks how long our own code held the loop, and leaves it out.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from infra.telemetry.instruments import SECONDS, Distribution, histogram

if TYPE_CHECKING:
    from prometheus_client import Metric

TICK_SECONDS: Final = 0.1


class LoopLag:
    """Has the running loop call it each TICK_SECONDS, and notes how late it does: 10 times a second, some µs each."""

    def __init__(self) -> None:
        self._seconds = Distribution(SECONDS)
        self._due = 0.0
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = time.perf_counter() + TICK_SECONDS
        self._next = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _tick(self) -> None:
        self._seconds.observe(max(0.0, time.perf_counter() - self._due))
        self.start()

    def families(self) -> Iterable[Metric]:
        yield histogram(
            "ota_cm_event_loop_lag_seconds",
            f"How late the event loop ran a timer, looked at each {TICK_SECONDS:g} s.",
            self._seconds,
        )
