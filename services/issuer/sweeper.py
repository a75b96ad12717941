"""Leaves nothing stuck: takes orders that are due and that nobody works on, found in PostgreSQL alone.

Due is an order whose lease ran out or whose back-off has passed, and one that the feed has passed without it being
picked up, or any when the feed has stood still. A mere backlog is left to the feed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from infra.crash_points import CrashPoint, reached
from infra.event_store.group_commit import OutcomeUnknown, StoreUnavailable
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from uuid import UUID

    from projections.orders import DueOrder, OrdersInFlight
    from services.issuer.feed import Feed
    from services.issuer.issuance import Issuance

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
SWEEP_LIMIT = 500
FEED_STILL_SECONDS = 30.0

# The read model tells which orders are due, and may lag: what the feed has just settled still looks submitted there.
SUBMITTED_GRACE = timedelta(seconds=5)


class Sweeper:
    """At most SWEEP_LIMIT orders each SWEEP_SECONDS."""

    def __init__(
        self, feed: Feed, issuance: Issuance, in_flight: OrdersInFlight, *, now: Callable[[], datetime]
    ) -> None:
        self._feed = feed
        self._issuance = issuance
        self._in_flight = in_flight
        self._now = now

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                swept = await self.sweep()
                if swept:
                    log.info("swept", orders=swept)
            except (StoreUnavailable, OutcomeUnknown, DatabaseUnavailable) as error:
                log.warning("sweep_waits_for_store", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Take what is due now; how many orders."""
        still = time.monotonic() - self._feed.moved_at >= FEED_STILL_SECONDS
        now = self._now()
        due = await self._in_flight.due(now, SWEEP_LIMIT)
        taken: list[UUID] = [order.order_id for order in due if self._is_left_behind(order, now, feed_still=still)]
        if taken:
            reached(CrashPoint.ORDERS_SWEPT)
            await self._issuance.settle(taken)
        return len(taken)

    def _is_left_behind(self, order: DueOrder, now: datetime, *, feed_still: bool) -> bool:
        if order.status == "Processing":
            return True
        # The grace also where the feed stands still: after a quiet time it does, and this order may be on its way.
        is_late = order.due_at <= now - SUBMITTED_GRACE
        return is_late and (feed_still or self._feed.passed(order.order_id, order.row_version))
