"""Whether new work is taken: not while issuance is too far behind, so that a burst cannot outrun it without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from infra.postgres.errors import DatabaseUnavailable
from services.api.problems import Problem

if TYPE_CHECKING:
    from projections.orders import OrdersInFlight

log = structlog.get_logger()

LOOK_SECONDS = 1.0
RETRY_AFTER_SECONDS = 5


class Admission:
    """Closed while the oldest order that is due has been due for longer than `max_backlog_seconds` (0: never).

    Orders that wait on a timer are not due: one sick issuer does not shut the shop.
    """

    def __init__(self, in_flight: OrdersInFlight, max_backlog_seconds: float, *, now: Callable[[], datetime]) -> None:
        self._in_flight = in_flight
        self._max_backlog_seconds = max_backlog_seconds
        self._now = now
        self._open = True

    def ensure_open(self) -> None:
        """Raises Problem 503."""
        if not self._open:
            detail = "Issuance is too far behind: nothing was accepted. Try again."
            raise Problem("unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})

    async def watch(self) -> None:
        """Look each second, for ever."""
        while self._max_backlog_seconds:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("admission_waits_for_store", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        now = self._now()
        oldest = await self._in_flight.oldest_due(now)
        behind = (now - oldest).total_seconds() if oldest is not None else 0.0
        is_open = behind <= self._max_backlog_seconds
        if is_open != self._open:
            log.warning("admission_changed", open=is_open, seconds_behind=round(behind, 1))
        self._open = is_open
