"""How the service stands, for Prometheus: looked up in the database at most once a second, however often it is asked.

With the database away there are no such figures: what stood there before would say that nothing has changed since.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import structlog

from infra.postgres.errors import DatabaseUnavailable
from infra.telemetry.instruments import counter, gauge

if TYPE_CHECKING:
    from prometheus_client import Metric

    from infra.postgres.reads import Reads
    from services.status import Figures, StatusReport

log = structlog.get_logger()

FRESH_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 0.7
"""A scrape waits no longer for the database: it is answered within a second, whatever that does."""


class Standing:
    """The figures as they were looked up last. `look` before each scrape, then `families`."""

    def __init__(self, reads: Reads, report: StatusReport) -> None:
        self._reads = reads
        self._report = report
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self._answered = False
        self._up = False
        self._figures: Figures | None = None
        self._missing = 0

    async def look(self) -> None:
        """Have figures of the last second, or none; returns within ANSWER_SECONDS."""
        if self._looking is None or self._looking.done():
            if time.monotonic() - self._looked_at < FRESH_SECONDS:
                self._missing += self._figures is None
                return
            self._looking = asyncio.create_task(self._look(), name="standing")
        # Not cancelled when it is late: the next scrape waits for the same look.
        done, _ = await asyncio.wait({self._looking}, timeout=ANSWER_SECONDS)
        if not done:
            self._up, self._figures = self._answered, None
        self._missing += self._figures is None

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        self._answered = False
        figures = None
        try:
            # Told apart: it may answer, and yet take longer than a scrape waits for all that is asked.
            await self._reads.rows("select 1", seconds=ANSWER_SECONDS)
            self._answered = True
            figures = await self._report.read()
        except DatabaseUnavailable as error:
            log.warning("figures_missing", error=str(error))
        self._up, self._figures = self._answered, figures
        self._looked_at = time.monotonic()

    def families(self) -> Iterable[Metric]:
        """May be asked in another thread."""
        yield gauge("ota_cm_postgres_up", "1 where PostgreSQL answered this process within the last look.", self._up)
        yield counter(
            "ota_cm_scrapes_without_figures_total",
            "Scrapes that the database's figures are missing from: it was away, or slow.",
            {(): self._missing},
        )
        if (figures := self._figures) is not None:
            yield from _of_consumers(figures)
            yield from _of_orders(figures)
            yield from _of_deliveries(figures)


def _of_consumers(figures: Figures) -> Iterable[Metric]:
    label = ("consumer",)
    consumers = figures.consumers
    yield gauge("ota_cm_log_position", "The log's last position.", figures.log_position)
    yield gauge(
        "ota_cm_consumer_position",
        "The position that a consumer of the log has passed.",
        {(one.name,): one.position for one in consumers},
        label,
    )
    yield gauge(
        "ota_cm_consumer_lag_positions",
        "How many positions of the log a consumer has still before it.",
        {(one.name,): one.lag for one in consumers},
        label,
    )
    yield gauge(
        "ota_cm_consumer_lag_seconds",
        "How long ago the first event was stored that a consumer has not passed; 0 at the log's end.",
        {(name,): seconds for name, seconds in figures.lag_seconds.items()},
        label,
    )
    yield gauge(
        "ota_cm_consumer_halted",
        "1 where a consumer stands still until an operator acts; `channel-manager status` says why.",
        {(one.name,): one.halted is not None for one in consumers},
        label,
    )
    yield gauge("ota_cm_parked_events", "Events that the read model could not take in.", figures.parked_events)
    if figures.dead_letters is not None:
        yield gauge(
            "ota_cm_dead_letters",
            "Messages on the dead-letter topic that were not sent back.",
            figures.dead_letters,
        )


def _of_orders(figures: Figures) -> Iterable[Metric]:
    yield gauge(
        "ota_cm_orders_in_flight",
        "Orders that issuance has still to settle, by status.",
        {(status,): count for status, count in figures.in_flight.items()},
        ("status",),
    )
    yield gauge(
        "ota_cm_orders_oldest_in_flight_seconds",
        "Since when the oldest of these has been in flight; 0 where none is.",
        figures.oldest_in_flight_seconds,
    )
    yield gauge(
        "ota_cm_orders_oldest_due_seconds",
        "Since when the order that has waited longest could have been picked up; 0 where none is due.",
        figures.oldest_due_seconds,
    )
    yield gauge(
        "ota_cm_drafts_overdue_seconds",
        "Since when the Draft whose time was up first should have been removed; 0 where none is overdue.",
        figures.drafts_overdue_seconds,
    )
    yield gauge(
        "ota_cm_voids_waiting",
        "Jobs whose assets must be destroyed and that the issuer has not acknowledged.",
        figures.voids_waiting,
    )


def _of_deliveries(figures: Figures) -> Iterable[Metric]:
    yield gauge(
        "ota_cm_webhook_deliveries_pending",
        "Deliveries being sent, or waiting for their next attempt.",
        figures.deliveries.pending,
    )
    yield gauge(
        "ota_cm_webhook_deliveries_dead",
        "Deliveries given up and kept; they can be recovered.",
        figures.deliveries.dead,
    )
    yield gauge(
        "ota_cm_webhook_oldest_due_seconds",
        "Since when the pending delivery that is due longest could have been taken; 0 where none is due.",
        figures.deliveries.oldest_due_seconds,
    )
