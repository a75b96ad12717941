"""Removes Drafts whose time is up, as cancelOrder would: reference, places and numbers are free again with the save.

Nothing is kept of a timer: which Drafts are over follows from the read model and the partners' limits each second.
If the process dies before a save, the next look finds the Draft again; after it, the Draft is removed. Several at once
do no harm, nor does a partner who confirms meanwhile: each decides on the newest state, and one save is the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.order.commands import ExpireDraft
from domain.order.decide import expire
from domain.order.events import OrderEvent
from domain.order.state import Draft
from infra.crash_points import CrashPoint, reached
from infra.event_store.group_commit import OutcomeUnknown, RefusedByStore, StoreUnavailable
from infra.event_store.mapper import Actor
from infra.postgres.errors import DatabaseUnavailable
from infra.telemetry.instruments import counter
from services.ordering.context import CommandContext, following

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from projections.directory import Directory
    from projections.expiring_drafts import ExpiringDrafts
    from services.ordering.ordering import Ordering
    from services.ordering.orders import LoadedOrder

log = structlog.get_logger()

LOOK_SECONDS = 1.0
LIMIT = 200
"""At most so many each LOOK_SECONDS, a few at a time: a limit that ends many Drafts at once holds up no sale."""

AT_ONCE = 8

_TIMER = Actor(scope="draft-expiry")


class DraftExpiry:
    """Runs beside the saga; in several processes it does no harm.

    `now`: this machine's clock, in UTC, as it is what issuances are dated by. While it is ahead, Drafts go too early,
    and what has gone does not come back; while it is behind, they stay longer. `doctor` compares it with PostgreSQL's.
    """

    def __init__(
        self, drafts: ExpiringDrafts, ordering: Ordering, directory: Directory, *, now: Callable[[], datetime]
    ) -> None:
        self._drafts = drafts
        self._ordering = ordering
        self._directory = directory
        self._now = now
        self._expired = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                if expired := await self.expire():
                    log.info("drafts_expired", orders=expired)
            except (StoreUnavailable, OutcomeUnknown, DatabaseUnavailable) as error:
                log.warning("expiry_waits_for_store", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def expire(self) -> int:
        """Remove what is over now, LIMIT at most; how many this process removed.

        Raises StoreUnavailable, OutcomeUnknown, DatabaseUnavailable: look again.
        """
        due = await self._drafts.due(self._directory.draft_ttl_seconds, self._now(), LIMIT)
        if not due:
            return 0
        reached(CrashPoint.DRAFTS_DUE)
        # A limit that was lengthened or lifted a moment ago counts: each Draft is looked at again by the newest.
        await self._directory.refresh()
        before = self._expired
        waiting = iter(due)
        outcomes = await asyncio.gather(*(self._work(waiting) for _ in range(AT_ONCE)), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return self._expired - before

    async def _work(self, waiting: Iterator[UUID]) -> None:
        for order_id in waiting:
            try:
                await self._expire_one(order_id)
            except RefusedByStore:
                log.error("expiry_refused_by_store", order_id=str(order_id))
            except (StoreUnavailable, OutcomeUnknown, DatabaseUnavailable):
                raise
            except Exception:
                # A history that cannot be read must not keep the other Drafts. It is looked at again each second.
                log.exception("expiry_failed", order_id=str(order_id))

    async def _expire_one(self, order_id: UUID) -> None:
        removed = False

        def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
            nonlocal removed
            events = self._decision(loaded)
            removed = bool(events)
            return events

        await self._ordering.handle(order_id, decision, self._context)
        # Not where another was faster, a partner or a timer: then there was nothing left to decide.
        self._expired += removed

    def _decision(self, loaded: LoadedOrder) -> Sequence[OrderEvent]:
        if not isinstance(loaded.state, Draft):
            return []
        ttl_seconds = self._directory.draft_ttl_seconds_of(loaded.state.order.partner_id)
        return expire(loaded.state, ExpireDraft(self._now(), ttl_seconds))

    def _context(self, loaded: LoadedOrder) -> CommandContext:
        return following(loaded.last, self._now(), _TIMER, self._directory.venue_id)

    def families(self) -> Iterable[Metric]:
        """May be asked in another thread."""
        yield counter(
            "ota_cm_drafts_expired_total",
            "Drafts that this process has removed because their time was up.",
            {(): self._expired},
        )
