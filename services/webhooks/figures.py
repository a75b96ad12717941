"""Figures of what this process delivered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from infra.telemetry.instruments import Distribution, counter, histogram

if TYPE_CHECKING:
    from prometheus_client import Metric

    from projections.webhook_deliveries import Outcome

_OUTCOMES: Final = {"delivered": "delivered", "pending": "retry", "dead": "dead"}
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class DeliveryFigures:
    """Told of each outcome when it is known, before it is written down."""

    def __init__(self) -> None:
        self._outcomes = dict.fromkeys(_OUTCOMES, 0)
        self._attempt_seconds = Distribution(_SECONDS)

    def came_of(self, outcome: Outcome) -> None:
        self._outcomes[outcome.status] += 1
        if outcome.attempt is not None:
            self._attempt_seconds.observe(outcome.attempt.duration_ms / 1000)

    def families(self) -> Iterable[Metric]:
        yield counter(
            "ota_cm_webhook_deliveries_total",
            "Deliveries handled, by what came of it: delivered, to be tried again (retry), or given up (dead).",
            {(_OUTCOMES[status],): count for status, count in self._outcomes.items()},
            ("outcome",),
        )
        yield histogram(
            "ota_cm_webhook_attempt_duration_seconds",
            "How long a partner's endpoint took to answer, or not to.",
            self._attempt_seconds,
        )
