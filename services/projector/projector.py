"""The projector: follows the log as it grows. Any number of processes may run it; one at a time gets its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from infra.postgres.connections import Connection
from projections.runner import ProjectionRunner

if TYPE_CHECKING:
    from infra.event_store.mapper import EventMapper
    from infra.event_store.recorder import Recorder
    from infra.postgres.listen import LogListener


class Projector:
    """`connect`: a new connection that may write. `listener` wakes it; it must be running."""

    def __init__(
        self,
        recorder: Recorder,
        mapper: EventMapper,
        connect: Callable[[], Awaitable[Connection]],
        listener: LogListener,
    ) -> None:
        self._runner = ProjectionRunner(recorder, mapper, connect)
        self._listener = listener
        self._woken: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin where the read model stands. Needs no database to begin."""
        self._woken = self._listener.subscribe()
        self._task = asyncio.create_task(self._runner.run(self._woken), name="projector")

    async def stop(self) -> None:
        """Leave; what is in hand is undone and done again by the next. Harmless when repeated."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._woken is not None:
            self._listener.unsubscribe(self._woken)
            self._woken = None
