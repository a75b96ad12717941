"""Long-running tasks of a process: what ends unforeseen is logged and begun again, never silently gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

RESTART_SECONDS = 1.0


class Tasks:
    """Starts tasks, and ends them all."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work` until it is ended; begun again a second after it failed."""
        task = asyncio.create_task(kept_up(name, work), name=name)
        self._tasks.append(task)
        return task

    async def end(self, *tasks: asyncio.Task[None]) -> None:
        """Cancel these and wait for them; without names, all of them."""
        ending = tasks or tuple(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._tasks = [task for task in self._tasks if task not in ending]


async def kept_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` to its end; begun again a second after it failed."""
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("task_failed", task=name)
            await asyncio.sleep(RESTART_SECONDS)
