"""Sends deliveries: those just queued from memory at once, and those in the table when they fall due.

Each endpoint has a lane of its own (a queue, so many attempts at once), and there is no limit across lanes that a slow
or dead endpoint could use up. What does not fit in memory stays in the table and is taken when there is room.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import UUID

import aiohttp
import structlog

from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import translated_faults, within
from infra.postgres.errors import DatabaseUnavailable
from projections.webhook_deliveries import (
    LeasedDelivery,
    Outcome,
    message_id,
    next_due_seconds,
    take_due,
)
from services.phases import together
from services.webhooks.attempt import Answer, recorded
from services.webhooks.endpoints import Destinations, Endpoint
from services.webhooks.lane import Held, Lane
from services.webhooks.limits import Limits
from services.webhooks.marks import STATEMENT_SECONDS, Connections, Marks
from services.webhooks.retry import CONTRACT_WAITS, Delivered, Gone, Verdict, verdict
from services.webhooks.signing import signed_headers
from services.webhooks.traced import attempt_in_trace

if TYPE_CHECKING:
    from infra.telemetry.traces import Traces

_POLL_SECONDS: Final = 1.0
_NOTHING_TAKEN_SECONDS: Final = 0.05
_UNKNOWN_SECONDS: Final = 2.0

_log = structlog.get_logger()


class Sender:
    """Delivers, retries and marks. `offer` what was just queued; `start` and `stop` it in a running loop.

    owner: this process's own name in leases, used by no other process, nor by the one before it. session: see
    `client.open_session`. endpoint: by subscription id, from memory; None where it is not known. on_gone: has the
    subscription disabled (its endpoint answered 410); it may be called for one that is disabled or deleted already.
    """

    def __init__(
        self,
        *,
        owner: str,
        session: aiohttp.ClientSession,
        endpoint: Callable[[UUID], Endpoint | None],
        connections: Connections,
        on_gone: Callable[[UUID], Awaitable[None]],
        waits: Sequence[float] = CONTRACT_WAITS,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        traces: Traces | None = None,
    ) -> None:
        self.owner = owner
        self.limits = limits if limits is not None else Limits()
        if self.limits.startable_seconds <= 0:
            raise ValueError("the lease is too short for an attempt")
        self._session = session
        self._destinations = Destinations(endpoint)
        self._connections = connections
        self._on_gone = on_gone
        self._waits = tuple(waits)
        self._now = now
        self._chance = chance
        self._traces = traces
        self._marks = Marks(connections, owner, self._let_go)
        self.figures = self._marks.figures
        self._lanes: dict[UUID, Lane] = {}
        self._held: set[UUID] = set()
        self._attempts: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._look = asyncio.Event()
        self._stopping = False

    @property
    def in_hand(self) -> int:
        """How many deliveries are in memory: queued, being attempted or not yet marked."""
        return len(self._held)

    def held(self) -> frozenset[UUID]:
        """Which these are."""
        return frozenset(self._held)

    async def start(self) -> None:
        """Begin to take what is due, and to mark."""
        self._loops = [asyncio.create_task(self._marks.run()), asyncio.create_task(self._take_when_due())]

    def offer(self, deliveries: Sequence[LeasedDelivery]) -> None:
        """Send these now: rows just leased to this owner, whose transaction has committed. Never waits."""
        start_by = asyncio.get_running_loop().time() + self.limits.startable_seconds
        for delivery in deliveries:
            self._accept(delivery, start_by)

    async def stop(self, deadline_seconds: float) -> None:
        """Start nothing more, let attempts under way end for so many seconds, mark, and give the rest back."""
        self._stopping = True
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=deadline_seconds)
        for attempt_under_way in self._attempts:
            attempt_under_way.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        # Not cancelled: each is in one statement at most, which has a deadline of its own.
        self._marks.end()
        self._look.set()
        await asyncio.gather(*self._loops)
        for delivery_id in self._held - self._marks.waiting():
            self._marks.give_back(delivery_id)
        try:
            await self._marks.flush()
        except DatabaseUnavailable as error:
            # These fall due by themselves when their leases end, and those that were sent are repeated.
            _log.warning("webhook_marks_lost", error=str(error), count=len(self._held))

    def _accept(self, delivery: LeasedDelivery, start_by: float) -> None:
        if delivery.id in self._held:
            return  # its lease ran out in our own hand, and is renewed now
        lane = self._lanes.get(delivery.subscription_id)
        if lane is None:
            lane = self._lanes[delivery.subscription_id] = Lane()
        if self._stopping or len(lane.queue) >= self.limits.queued or len(self._held) >= self.limits.held:
            lane.overflowed = True
            self._marks.give_back(delivery.id)
            return
        self._held.add(delivery.id)
        lane.queue.append(Held(delivery, start_by))
        if lane.working < self._width(lane):
            lane.working += 1
            task = asyncio.create_task(self._work(lane))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    def _width(self, lane: Lane) -> int:
        return self.limits.at_once_quick if lane.quick else self.limits.at_once

    def _let_go(self, ids: Collection[UUID], again: bool) -> None:
        full = len(self._held) >= self.limits.held
        self._held.difference_update(ids)
        if again or full:
            self._look.set()

    async def _work(self, lane: Lane) -> None:
        try:
            while lane.queue and not self._stopping and lane.working <= self._width(lane):
                held = lane.queue.popleft()
                if lane.overflowed and len(lane.queue) < self.limits.low_water:
                    lane.overflowed = False
                    self._look.set()
                await self._handle(lane, held)
        finally:
            lane.working -= 1

    async def _handle(self, lane: Lane, held: Held) -> None:
        loop = asyncio.get_running_loop()
        pause = lane.pause_before_next(loop.time())
        if pause:
            await asyncio.sleep(pause)
        if loop.time() > held.start_by:
            lane.overflowed = True
            self._marks.give_back(held.delivery.id)
            return
        began = self._now()
        reached(CrashPoint.DELIVERY_UNSENT)
        try:
            answer = await self._send(held.delivery, int(began))
        except Exception as fault:  # a lane that stopped for it would never go on
            _log.exception("webhook_attempt_broke", delivery=str(held.delivery.id))
            answer = Answer(None, None, f"internal error: {type(fault).__name__}", self._now() - began)
        if isinstance(answer, Outcome):
            self._marks.record(answer)
            return
        reached(CrashPoint.DELIVERY_SENT)
        await together()
        follows = await self._judge(held.delivery, answer)
        lane.answered(well=isinstance(follows, Delivered), seconds=answer.seconds)
        self._marks.record(recorded(held.delivery.id, answer, began, follows))
        if not isinstance(follows, Delivered):
            _log.info(
                "webhook_attempt_failed",
                subscription=str(held.delivery.subscription_id),
                delivery=str(held.delivery.id),
                tried=held.delivery.tried + 1,
                status=answer.status,
                follows=type(follows).__name__,
            )

    async def _send(self, delivery: LeasedDelivery, timestamp: int) -> Answer | Outcome:
        """The answer to one attempt, or what becomes of the delivery without one."""
        destination = self._destinations.of(delivery.subscription_id)
        if destination is None:
            # Made dead with its subscription if that was deleted; this process may only not have heard of it yet.
            return Outcome(delivery.id, "pending", _UNKNOWN_SECONDS, None)
        if destination.endpoint.state != "active":
            return Outcome(delivery.id, "dead", None, None)
        headers = signed_headers(message_id(delivery.id), timestamp, delivery.body, destination.signing)
        await together()
        return await attempt_in_trace(self._traces, self._session, destination.url, headers, delivery)

    async def _judge(self, delivery: LeasedDelivery, answer: Answer) -> Verdict:
        tried = delivery.tried + 1
        follows = verdict(tried, answer.status, self._waits, self._chance())
        if isinstance(follows, Gone):
            try:
                await self._on_gone(delivery.subscription_id)
                reached(CrashPoint.ENDPOINT_DISABLED)
            except Exception as fault:
                subscription = str(delivery.subscription_id)
                _log.error("webhook_disable_failed", subscription=subscription, error=type(fault).__name__)
                # Tried again like any failure, so that the 410 is met again.
                return verdict(tried, None, self._waits, self._chance())
        return follows

    async def _take_when_due(self) -> None:
        """Take rows from the table when they fall due: woken by the earliest, and each second in any case."""
        while not self._stopping:
            wait = _POLL_SECONDS
            try:
                wait = await self._take()
            except DatabaseUnavailable as error:
                _log.warning("webhook_queue_unreachable", error=str(error))
            except Exception:
                _log.exception("webhook_queue_failed")
            if not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._look.wait(), wait)
                self._look.clear()

    async def _take(self) -> float:
        """Take what is due and there is room for; answers how many seconds to sleep then."""
        limits = self.limits
        room = min(limits.taken, limits.held - len(self._held))
        if room <= 0:
            return _POLL_SECONDS
        busy = [of for of, lane in self._lanes.items() if len(lane.queue) >= limits.low_water]
        with translated_faults():
            async with self._connections() as conn:
                due_in = await within(conn, next_due_seconds(conn, busy), STATEMENT_SECONDS)
                if due_in is None or due_in > 0:
                    return _POLL_SECONDS if due_in is None else min(due_in, _POLL_SECONDS)
                start_by = asyncio.get_running_loop().time() + limits.startable_seconds
                taking = take_due(
                    conn,
                    self.owner,
                    lease_seconds=limits.lease_seconds,
                    limit=room,
                    each=limits.taken_each,
                    busy=busy,
                )
                taken = await within(conn, taking, STATEMENT_SECONDS)
        for delivery in taken:
            self._accept(delivery, start_by)
        for subscription_id, count in Counter(delivery.subscription_id for delivery in taken).items():
            if count >= limits.taken_each:
                self._lanes[subscription_id].overflowed = True
        # Nothing: another process is just taking what is due.
        return 0.0 if taken else _NOTHING_TAKEN_SECONDS
