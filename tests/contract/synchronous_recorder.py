"""A thin synchronous face of the production recorder, so that the library's own test cases run over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    Notification,
    StoredEvent,
    Subscription,
)

from infra.event_store.group_commit import GroupCommit
from infra.event_store.recorder import Recorder
from infra.postgres.connections import Pool, connect, open_pool
from infra.postgres.listen import LogListener
from infra.postgres.reads import Reads

T = TypeVar("T")


class SynchronousRecorder(ApplicationRecorder):
    """Runs the production classes on an event loop in a thread of its own; adds nothing but the waiting."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._pool, self._group_commit, self._listener = self._run(self._open(dsn))
        self._telling: set[asyncio.Task[None]] = set()
        self._recorder = Recorder(Reads(self._pool), self._group_commit)

    async def _open(self, dsn: str) -> tuple[Pool, GroupCommit, LogListener]:
        pool = await open_pool(dsn, application_name="test", min_size=1, max_size=4)
        group_commit = GroupCommit(partial(connect, dsn, application_name="test writer", for_writing=True))
        await group_commit.start()
        listener = LogListener(dsn)
        await listener.__aenter__()
        return pool, group_commit, listener

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        async def stop() -> None:
            await self._listener.__aexit__(None, None, None)
            await self._group_commit.stop()
            await self._pool.close()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self._run(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        return self._run(self._recorder.insert_events(stored_events))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return self._run(self._recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        return self._run(
            self._recorder.select_notifications(start, limit, stop, topics, inclusive_of_start=inclusive_of_start)
        )

    def max_notification_id(self) -> int | None:
        return self._run(self._recorder.max_notification_id())

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return _Listening(recorder=self, gt=gt, topics=topics)

    def on_stored(self, callback: Callable[[], None]) -> None:
        """Call back at each wake-up of the listener."""
        self._loop.call_soon_threadsafe(lambda: self._telling.add(self._loop.create_task(self._tell(callback))))

    async def _tell(self, callback: Callable[[], None]) -> None:
        woken = self._listener.subscribe()
        while True:
            await woken.wait()
            woken.clear()
            callback()


class _Listening(ListenNotifySubscription["SynchronousRecorder"]):
    """The library's subscription, woken by our listener."""

    def __init__(self, recorder: SynchronousRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        recorder.on_stored(self._has_been_notified.set)
