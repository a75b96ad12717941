"""A request is answered by its deadline, whatever it waits for on its way.

Every wait has a deadline of its own, a read's or a command's; several, one after the other, may add up to more. So the
requests under way are looked at ten times a second, and one that is overdue is cut off where it waits. (A timer for
each request would cost 6 µs, a thirtieth of an order; this costs a tenth of that.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

REQUEST_SECONDS = 4.5
"""Of the five that a caller is promised: the look comes up to a tenth late, and a busy machine may add to that."""

LOOK_SECONDS = 0.1


class RequestDeadlines:
    """The requests under way, each a task, and when each is overdue. The sender's time is not counted."""

    def __init__(self, seconds: float = REQUEST_SECONDS) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}
        self._cut: set[asyncio.Task[Any]] = set()

    def begin(self) -> asyncio.Task[Any]:
        """The running task is a request from now on."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only coroutines ask
        self._due[task] = time.monotonic() + self._seconds
        return task

    def pause(self, task: asyncio.Task[Any]) -> float:
        """It is the sender's turn; the seconds that are left, for `resume`."""
        return self._due.pop(task, 0.0) - time.monotonic()

    def resume(self, task: asyncio.Task[Any], left: float) -> None:
        self._due[task] = time.monotonic() + left

    def has_cut(self, task: asyncio.Task[Any]) -> bool:
        """Whether it was cancelled for its deadline, and by nobody else beside: then it goes on with its answer."""
        if task not in self._cut:
            return False
        self._cut.discard(task)
        return task.uncancel() == 0

    def end(self, task: asyncio.Task[Any]) -> None:
        self._due.pop(task, None)
        if task in self._cut:  # and yet it was done
            self._cut.discard(task)
            task.uncancel()

    async def kept(self, _: web.Application) -> AsyncIterator[None]:
        """For `cleanup_ctx`: requests are cut off as long as the application runs."""
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for task in [task for task, due in self._due.items() if due <= now]:
                del self._due[task]
                self._cut.add(task)
                task.cancel()
