"""Orders taken through the saga: leased durably, issued, settled. Shared by the feed's batches and the sweeper.

If the process dies before the lease is saved, nothing has happened; after it, the job is taken up again by the
sweeper once its lease has run out, under the same job id; after the outcome is saved, a repeat finds it settled.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from domain.issuance.issuer import IssuanceRefused, IssueJob, IssuerAway, TicketIssuer
from domain.issuance.saga import IssuerUnavailable, Minted, Refused, SagaMessage, Seen, react
from domain.order.decide import decide
from domain.order.events import OrderEvent
from domain.order.state import Processing
from infra.crash_points import CrashPoint, reached
from infra.event_store.append import Appended, Outcome
from infra.event_store.group_commit import RefusedByStore
from infra.event_store.mapper import Actor
from infra.ids import uuid7
from services.issuer.patience import answered
from services.issuer.traced import ended, issuing_span, saving_span
from services.ordering.context import CommandContext
from services.ordering.orders import LoadedOrder, Orders, folded
from services.phases import together

if TYPE_CHECKING:
    from uuid import UUID

    from infra.event_store.group_commit import GroupCommit
    from infra.telemetry.traces import Traces
    from projections.directory import Directory

log = structlog.get_logger()

LEASE_SECONDS = 10.0
CONCURRENT_JOBS = 32

STUCK_SECONDS = 0.25
"""A worker whose job was not answered by then is replaced: its issuer hangs, and the next job's may not."""

MAX_WORKERS = 1000
"""With so many at work nothing more is leased: two hundred jobs a second may hang, and hold no others up."""

_ISSUER = Actor(scope="issuer")


@dataclass(frozen=True, slots=True)
class _Started:
    order: LoadedOrder
    job: IssueJob


class Issuance:
    """Takes orders through the saga. `owner` is unique to this start of this process.

    Feed and sweeper have one each: to the sweeper come the orders whose issuer is sick, again and again, and they must
    not take the places of those that come for the first time.
    """

    def __init__(
        self,
        orders: Orders,
        group_commit: GroupCommit,
        issuer: TicketIssuer,
        directory: Directory,
        *,
        owner: str,
        now: Callable[[], datetime],
        traces: Traces | None = None,
    ) -> None:
        self._orders = orders
        self._group_commit = group_commit
        self._issuer = issuer
        self._directory = directory
        self._owner = owner
        self._now = now
        self._traces = traces
        self._workers: set[asyncio.Task[None]] = set()

    async def settle(self, order_ids: Sequence[UUID]) -> None:
        """Take these orders as far as they can go. Returns when their leases are durable, every job was handed to the
        issuer, and the outcomes are durable too, but for issuers that are slow: those jobs go on beside.

        Raises StoreUnavailable, OutcomeUnknown, DatabaseUnavailable: ask again.
        """
        # Before anything is leased: a lease that runs out while its job waits is taken up again by the sweeper.
        while len(self._workers) >= MAX_WORKERS:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
        started, failure = await self._start(order_ids)
        if started:
            reached(CrashPoint.PROCESSING_SAVED)
        jobs = deque(started)
        workers: set[asyncio.Task[None]] = set()
        while jobs:
            workers |= {self._worker(jobs) for _ in range(min(max(CONCURRENT_JOBS, len(workers)), len(jobs)))}
            done, workers = await asyncio.wait(workers, timeout=STUCK_SECONDS)
            for worker in done:
                worker.result()
        if failure is not None:
            raise failure

    def _worker(self, jobs: deque[_Started]) -> asyncio.Task[None]:
        worker = asyncio.ensure_future(self._work(jobs))
        self._workers.add(worker)
        worker.add_done_callback(self._ended)
        return worker

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None:
            log.warning("issuance_outcome_not_saved", error=type(error).__name__)

    async def finish(self, seconds: float) -> None:
        """Wait for the jobs under way; what is not done by then stands on its lease."""
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=seconds)
            for worker in late:
                worker.cancel()

    async def _start(self, order_ids: Sequence[UUID]) -> tuple[list[_Started], Exception | None]:
        """Lease what is to be issued: durable before anything outside is called. And what kept others from it, if the
        store did."""
        now = self._now()
        loaded = await self._orders.load(order_ids, with_keys=False)
        saves: list[tuple[LoadedOrder, asyncio.Future[Outcome]]] = []
        for order in loaded.values():
            seen = Seen(now=now, owner=self._owner, job_id=uuid7(), lease_seconds=LEASE_SECONDS)
            if (save := self._save(order, seen, now)) is not None:
                saves.append(save)
        outcomes = await _all([future for _, future in saves])
        started = []
        failure: Exception | None = None
        for (order, _), outcome in zip(saves, outcomes, strict=True):
            if isinstance(outcome, Exception):
                failure = _failure(order, outcome) or failure
            elif isinstance(outcome, Appended) and isinstance(state := order.state, Processing):
                job = IssueJob(state.job_id, order.order_id, state.order, state.content, now)
                started.append(_Started(order, job))
        return started, failure

    async def _work(self, jobs: deque[_Started]) -> None:
        saves: list[tuple[LoadedOrder, asyncio.Future[Outcome]]] = []
        while jobs:
            started = jobs.popleft()
            message = await self._outcome(started)
            reached(CrashPoint.JOB_ISSUED)
            await together()
            if (save := self._save(started.order, message, self._now())) is not None:
                saves.append(save)
        # Where another was faster, or took the lease over, the order is further on: nothing is left to do.
        for (order, _), outcome in zip(saves, await _all([future for _, future in saves]), strict=True):
            if isinstance(outcome, Exception) and (failure := _failure(order, outcome)) is not None:
                raise failure

    async def _outcome(self, started: _Started) -> SagaMessage:
        if self._traces is None:
            return await self._issued(started.job)
        span = issuing_span(self._traces, started.order, started.job)
        message = await self._issued(started.job)
        span.end(error=None if isinstance(message, Minted) else type(message).__name__)
        return message

    async def _issued(self, job: IssueJob) -> SagaMessage:
        try:
            return Minted(await answered(self._issuer.issue(job)))
        except IssuanceRefused as refused:
            return Refused(job.job_id, refused.reason, refused.status_message)
        except IssuerAway:
            log.warning("issuer_away", order_id=str(job.order_id), job_id=str(job.job_id))
        except Exception:
            # A fault of an issuer's must not take the others' orders with it: tried again, then Error.
            log.exception("issuer_failed", order_id=str(job.order_id), job_id=str(job.job_id))
        return IssuerUnavailable(job.job_id, self._now(), random.random())  # noqa: S311 - jitter

    def _save(
        self, order: LoadedOrder, message: SagaMessage, now: datetime
    ) -> tuple[LoadedOrder, asyncio.Future[Outcome]] | None:
        """Hand what follows from the message to the group commit; the order as it will be. None: nothing follows."""
        events: list[OrderEvent] = []
        after = order
        for command in react(order.state, message):
            decided = decide(after.state, command)
            events += decided
            saved = folded(after, decided, None)
            after = after._replace(state=saved.state, version=saved.version)
        if not events:
            return None
        context = self._context(order, now)
        if self._traces is None:
            return after._replace(last=context.metadata()), self._append(order, events, context)
        span = saving_span(self._traces, message, after, context.traceparent)
        context = context._replace(traceparent=span.traceparent)
        future = self._append(order, events, context)
        future.add_done_callback(partial(ended, span))
        return after._replace(last=context.metadata()), future

    def _append(
        self, order: LoadedOrder, events: Sequence[OrderEvent], context: CommandContext
    ) -> asyncio.Future[Outcome]:
        return self._group_commit.append(self._orders.append(order, events, context))

    def _context(self, order: LoadedOrder, now: datetime) -> CommandContext:
        cause = order.last
        return CommandContext(
            command_id=uuid7(),
            now=now,
            actor=_ISSUER,
            correlation_id=cause.correlation_id if cause is not None else "",
            causation_id=cause.command_id if cause is not None else None,
            traceparent=cause.traceparent if cause is not None else None,
            venue_id=self._directory.venue_id,
        )


def _failure(order: LoadedOrder, error: Exception) -> Exception | None:
    """Why the batch is to be taken again. Not for what the store refuses: it would be refused again, and all that is
    behind it would wait. Its order stands on its lease, or as it was, and the sweeper comes back to it."""
    if isinstance(error, RefusedByStore):
        log.error("issuance_refused_by_store", order_id=str(order.order_id))
        return None
    return error


async def _all(saves: Sequence[asyncio.Future[Outcome]]) -> list[Outcome | Exception]:
    """What became of each. Awaited in turn: they end in batches, and `gather` costs each a call back in Python."""
    outcomes: list[Outcome | Exception] = []
    for save in saves:
        try:
            outcomes.append(await save)
        except asyncio.CancelledError:
            for unheard in saves:
                unheard.cancel()  # nobody hears what becomes of them; they are saved all the same
            raise
        except Exception as error:
            outcomes.append(error)
    return outcomes
