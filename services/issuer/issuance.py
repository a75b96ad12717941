"""Orders taken through the saga: leased durably, issued, settled. Shared by the feed's batches and the sweeper.

If the process dies before the lease is saved, nothing has happened; after it, the job is taken up again by the
sweeper once its lease has run out, under the same job id; after the outcome is saved, a repeat finds it settled.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace as changed

from domain.issuance.issuer import IssuanceRefused, IssueJob, IssuerAway, TicketIssuer
from domain.issuance.saga import ExternalNumberTaken, IssuerUnavailable, Minted, Refused, SagaMessage
from domain.order.shown_numbers import number_changes
from domain.order.submission import MAX_WALLETS
from infra.crash_points import CrashPoint, reached
from infra.event_store.outcomes import NumberTaken
from services.issuer.leasing import Leasing, Started
from services.issuer.patience import answered
from services.issuer.steps import Step, Steps, failure, outcomes
from services.issuer.traced import issuing_span
from services.phases import together

if TYPE_CHECKING:
    from uuid import UUID

    from infra.event_store.group_commit import GroupCommit
    from infra.telemetry.traces import Traces
    from projections.directory import Directory
    from services.ordering.orders import Orders

log = structlog.get_logger()

CONCURRENT_JOBS = 32

STUCK_SECONDS = 0.25
"""A worker whose job was not answered by then is replaced: its issuer hangs, and the next job's may not."""

MAX_WORKERS = 1000
"""With so many at work nothing more is leased: two hundred jobs a second may hang, and hold no others up."""

NUMBER_TRIES = 5
"""So often a job is issued whose numbers others have; more cannot be chance, and the job is put off."""


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
        max_wallets: int = MAX_WALLETS,
        traces: Traces | None = None,
    ) -> None:
        self._steps = Steps(orders, group_commit, directory, traces=traces)
        self._leasing = Leasing(orders, self._steps, directory, owner=owner, now=now, max_wallets=max_wallets)
        self._issuer = issuer
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
        leased = await self._leasing.lease(order_ids)
        if leased.started:
            reached(CrashPoint.PROCESSING_SAVED)
        jobs = deque(leased.started)
        workers: set[asyncio.Task[None]] = set()
        while jobs:
            workers |= {self._worker(jobs) for _ in range(min(max(CONCURRENT_JOBS, len(workers)), len(jobs)))}
            done, workers = await asyncio.wait(workers, timeout=STUCK_SECONDS)
            for worker in done:
                worker.result()
        if leased.failure is not None:
            raise leased.failure

    def _worker(self, jobs: deque[Started]) -> asyncio.Task[None]:
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

    async def _work(self, jobs: deque[Started]) -> None:
        saves: list[tuple[Started, Step]] = []
        while jobs:
            started = jobs.popleft()
            message = await self._outcome(started)
            reached(CrashPoint.JOB_ISSUED)
            await together()
            if (step := self._steps.take(started.order, message, self._now())) is not None:
                saves.append((started, step))
        await self._settled(saves)

    async def _settled(self, saves: list[tuple[Started, Step]]) -> None:
        """Wait for the saves; jobs whose numbers others have are issued again. Raises what kept one from its save."""
        failed: Exception | None = None
        tries = 1
        while saves:
            found = await outcomes([step for _, step in saves])
            collided: list[tuple[Started, Step, NumberTaken]] = []
            for (started, step), outcome in zip(saves, found, strict=True):
                if isinstance(outcome, Exception):
                    failed = failure(step, outcome) or failed
                elif isinstance(outcome, NumberTaken):
                    collided.append((started, step, outcome))
                # Where another was faster, or took the lease over, the order is further on: nothing is left to do.
            saves = [
                (again, next_step)
                for started, step, conflict in collided
                for again, message in [await self._issued_again(started, step, conflict, last=tries == NUMBER_TRIES)]
                if (next_step := self._steps.take(again.order, message, self._now())) is not None
            ]
            tries += 1
        if failed is not None:
            raise failed

    async def _issued_again(
        self, started: Started, step: Step, conflict: NumberTaken, *, last: bool
    ) -> tuple[Started, SagaMessage]:
        """A living wallet has one of the numbers that the step was to record: the job without it, and what came of it.

        One of ours is left out, and the same job drawn again; after a crash it meets the same collision, and goes the
        same way round it. One of the partner's is not ours to change.
        """
        job = started.job
        number = number_changes(step.before.state, step.after.state).minted[conflict.at]
        if number.kind == "external":
            return started, ExternalNumberTaken(job.job_id, number.line, number.wallet)
        log.warning("issued_number_taken", order_id=str(job.order_id), job_id=str(job.job_id), kind=number.kind)
        if last:
            return started, self._unavailable(job)
        again = replace(started, job=changed(job, avoid=(*job.avoid, number.number)))
        return again, await self._outcome(again)

    async def _outcome(self, started: Started) -> SagaMessage:
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
        return self._unavailable(job)

    def _unavailable(self, job: IssueJob) -> IssuerUnavailable:
        return IssuerUnavailable(job.job_id, self._now(), random.random())  # noqa: S311 - jitter
