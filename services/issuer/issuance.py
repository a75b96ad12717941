"""Orders taken through the saga: leased durably, issued, settled. Shared by the feed's batches and the sweeper.

If the process dies before the lease is saved, nothing has happened; after it, the job is taken up again by the
sweeper once its lease has run out, under the same job id; after the outcome is saved, a repeat finds it settled.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from domain.issuance.issuer import IssuanceRefused, IssueJob, IssuerAway, TicketIssuer
from domain.issuance.saga import IssuerUnavailable, Minted, Refused, SagaMessage, Seen, react
from domain.order.decide import decide
from domain.order.events import OrderEvent
from domain.order.state import Processing
from infra.event_store.append import Appended, Outcome
from infra.event_store.mapper import Actor
from infra.ids import uuid7
from services.ordering.context import CommandContext
from services.ordering.orders import LoadedOrder, Orders, folded
from services.phases import together

if TYPE_CHECKING:
    from uuid import UUID

    from infra.event_store.group_commit import GroupCommit
    from projections.directory import Directory

log = structlog.get_logger()

LEASE_SECONDS = 10.0
CONCURRENT_JOBS = 32
OUTCOME_WAIT_SECONDS = 1.0
MAX_JOBS_IN_THE_AIR = 4 * CONCURRENT_JOBS

_ISSUER = Actor(scope="issuer")


@dataclass(frozen=True, slots=True)
class _Started:
    order: LoadedOrder
    job: IssueJob


class Issuance:
    """Takes orders through the saga. `owner` is unique to this start of this process."""

    def __init__(
        self,
        orders: Orders,
        group_commit: GroupCommit,
        issuer: TicketIssuer,
        directory: Directory,
        *,
        owner: str,
        now: Callable[[], datetime],
    ) -> None:
        self._orders = orders
        self._group_commit = group_commit
        self._issuer = issuer
        self._directory = directory
        self._owner = owner
        self._now = now
        self._in_the_air: set[asyncio.Task[None]] = set()

    async def settle(self, order_ids: Sequence[UUID]) -> None:
        """Take these orders as far as they can go. Returns when their leases are durable and their outcomes too,
        or an issuer has been slow for a second: it then goes on beside, and its orders stand on their leases.

        Raises StoreUnavailable, OutcomeUnknown, DatabaseUnavailable: ask again.
        """
        started = await self._start(order_ids)
        jobs = iter(started)
        workers = [asyncio.ensure_future(self._work(jobs)) for _ in range(min(CONCURRENT_JOBS, len(started)))]
        if not workers:
            return
        self._in_the_air.update(workers)
        done, _ = await asyncio.wait(workers, timeout=OUTCOME_WAIT_SECONDS)
        self._in_the_air.difference_update(done)
        for worker in done:
            worker.result()
        while len(self._in_the_air) > MAX_JOBS_IN_THE_AIR:
            await self._landed()

    async def finish(self, seconds: float) -> None:
        """Wait for the jobs in the air; what is not done by then stands on its lease."""
        if self._in_the_air:
            _, late = await asyncio.wait(self._in_the_air, timeout=seconds)
            for worker in late:
                worker.cancel()

    async def _landed(self) -> None:
        done, _ = await asyncio.wait(self._in_the_air, return_when=asyncio.FIRST_COMPLETED)
        self._in_the_air.difference_update(done)
        for worker in done:
            if (error := worker.exception()) is not None:
                log.warning("issuance_outcome_not_saved", error=type(error).__name__)

    async def _start(self, order_ids: Sequence[UUID]) -> list[_Started]:
        """Lease what is to be issued: durable before anything outside is called."""
        now = self._now()
        loaded = await self._orders.load(order_ids, with_keys=False)
        saves: list[tuple[LoadedOrder, asyncio.Future[Outcome]]] = []
        for order in loaded.values():
            seen = Seen(now=now, owner=self._owner, job_id=uuid7(), lease_seconds=LEASE_SECONDS)
            if (save := self._save(order, seen, now)) is not None:
                saves.append(save)
        outcomes = await asyncio.gather(*(future for _, future in saves), return_exceptions=True)
        started = []
        failure: BaseException | None = None
        for (order, _), outcome in zip(saves, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                failure = outcome
            elif isinstance(outcome, Appended) and isinstance(state := order.state, Processing):
                job = IssueJob(state.job_id, order.order_id, state.order, state.content, now)
                started.append(_Started(order, job))
        if failure is not None and not started:
            raise failure
        return started

    async def _work(self, jobs: Iterator[_Started]) -> None:
        saves: list[asyncio.Future[Outcome]] = []
        for started in jobs:
            message = await self._outcome(started.job)
            await together()
            if (save := self._save(started.order, message, self._now())) is not None:
                saves.append(save[1])
        # Where another was faster, or took the lease over, the order is further on: nothing is left to do.
        for outcome in await asyncio.gather(*saves, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _outcome(self, job: IssueJob) -> SagaMessage:
        try:
            return Minted(await self._issuer.issue(job))
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
        future = self._group_commit.append(self._orders.append(order, events, context))
        return after._replace(last=context.metadata()), future

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
