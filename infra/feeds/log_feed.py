"""The saga's feed read straight from the log: for one process at a time, which holds a lease on it.

If the process dies with a batch in hand, the position still stands before it: the next holder is handed it again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from uuid import UUID

from infra.event_store.topics import SUBMISSIONS
from infra.feeds.signals import MAX_SIGNALS, Batch, FeedLost, OrderSignal
from infra.postgres.connections import translated_faults
from infra.postgres.errors import PositionMoved
from infra.postgres.positions import advance_unhurried, load_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.event_store.recorder import LogPlace, Recorder
    from infra.postgres.connections import Pool
    from infra.postgres.listen import LogListener

PAGE = 1000
QUIET_SECONDS = 1.0


class LogFeed:
    """Reads the log from the position of the consumer `name`, and moves it when a batch is committed."""

    exclusive = True

    def __init__(self, recorder: Recorder, pool: Pool, listener: LogListener, name: str = "issuer") -> None:
        self._recorder = recorder
        self._pool = pool
        self._listener = listener
        self._name = name
        self._committed = 0
        self._read = 0
        self._more = True
        self._hand: Batch | None = None
        self._woken: asyncio.Event | None = None
        self.moved_at = time.monotonic()

    async def start(self) -> None:
        """Read where the consumer stands. Raises DatabaseUnavailable."""
        with translated_faults():
            async with self._pool.connection() as connection:
                self._committed = self._read = await load_position(connection, self._name)
        self._hand = None
        self._more = True
        self._woken = self._woken or self._listener.subscribe("submitted")
        self.moved_at = time.monotonic()

    async def stop(self) -> None:
        if self._woken is not None:
            self._listener.unsubscribe(self._woken)
            self._woken = None

    async def next_batch(self) -> Batch:
        """Wait for signals; the batch in hand again until it is committed. Raises DatabaseUnavailable, FeedLost."""
        if self._hand is not None:
            return self._hand
        assert self._woken is not None  # noqa: S101 - start() was called
        while True:
            if not self._more:
                await self._woken.wait()
            self._more = True
            self._woken.clear()
            places = await self._recorder.places(self._read, PAGE)
            signals, read = _signals(places)
            # A page that is not full ends the log: whoever stores more after it was read wakes us.
            self._more = len(places) == PAGE or len(signals) == MAX_SIGNALS
            if signals:
                self._hand = Batch(signals, read)
                return self._hand
            self._read = max(self._read, read)
            # All the rest was our own saga's: stored once it is quiet, not page by page.
            if not self._more and time.monotonic() - self.moved_at >= QUIET_SECONDS:
                await self._store(self._read)

    async def commit(self, batch: Batch) -> None:
        """The batch's effects are durable. Raises FeedLost where another holder moved the position."""
        if batch is not self._hand or not isinstance(batch.cursor, int):
            raise FeedLost
        await self._store(batch.cursor)
        self._read = batch.cursor
        self._hand = None

    def passed(self, order_id: UUID, position: int) -> bool:  # noqa: ARG002 - a partitioned feed asks by order
        """Whether what stands at this position has been handed out and committed."""
        return position <= self._committed

    async def _store(self, position: int) -> None:
        if position == self._committed:
            return
        try:
            with translated_faults():
                async with self._pool.connection() as connection:
                    # Lost in a crash it only hands out again what has been done.
                    await advance_unhurried(connection, self._name, self._committed, position)
        except PositionMoved as error:
            self._hand = None
            raise FeedLost from error
        self._committed = position
        self.moved_at = time.monotonic()


def _signals(places: Sequence[LogPlace]) -> tuple[tuple[OrderSignal, ...], int]:
    """The signals of a page, and the position up to which it was read."""
    signals: list[OrderSignal] = []
    read = 0
    for place in places:
        read = place.position
        if place.topic in SUBMISSIONS:
            signals.append(OrderSignal(place.stream, place.version, place.position))
            if len(signals) == MAX_SIGNALS:
                break
    return tuple(signals), read
