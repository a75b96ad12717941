"""Figures of what this process relayed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.telemetry.instruments import SECONDS, Distribution, counter, gauge, histogram

if TYPE_CHECKING:
    from prometheus_client import Metric


class RelayFigures:
    """`active`: whether this process is the one of several that relays. `faults`: by reason, pages not acknowledged."""

    def __init__(self) -> None:
        self.active = False
        self.messages = 0
        self.faults: dict[str, int] = {"unavailable": 0}
        self.page_seconds = Distribution(SECONDS)

    def failed(self, reason: str) -> None:
        self.faults[reason] = self.faults.get(reason, 0) + 1

    def families(self) -> Iterable[Metric]:
        """May be asked in another thread."""
        yield gauge("ota_cm_relay_active", "1 in the process that relays; the others stand by.", self.active)
        yield counter(
            "ota_cm_relay_messages_total", "Messages that Kafka has acknowledged to this process.", {(): self.messages}
        )
        yield histogram(
            "ota_cm_relay_page_seconds", "From a page being read until Kafka acknowledged all of it.", self.page_seconds
        )
        yield counter(
            "ota_cm_relay_faults_total",
            "Pages that Kafka did not acknowledge: unavailable (passes), or why it refused.",
            {(reason,): count for reason, count in dict(self.faults).items()},
            ("reason",),
        )
