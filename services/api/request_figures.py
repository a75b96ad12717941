"""Figures of the requests: how many of each operation and status, and how long they took."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from infra.telemetry.instruments import SECONDS, Distribution, counter, histogram

if TYPE_CHECKING:
    from prometheus_client import Metric

NO_OPERATION = "none"
"""Of requests to no path, or with no method, of ours."""


class RequestFigures:
    """Written by the handlers of this process, each through its own `of(operation)`."""

    def __init__(self) -> None:
        self._by_operation: dict[str, dict[int, Distribution]] = {}

    def of(self, operation: str) -> Callable[[int, float], None]:
        """To be told the status and the seconds of each request of this operation."""
        by_status = self._by_operation.setdefault(operation, {})

        def answered(status: int, seconds: float) -> None:
            spread = by_status.get(status)
            if spread is None:
                spread = by_status[status] = Distribution(SECONDS)
            spread.observe(seconds)

        return answered

    def families(self) -> Iterable[Metric]:
        """The status is exact in the count, and its class in the histogram, which has many series of each."""
        requests: dict[tuple[str, ...], float] = {}
        durations: dict[tuple[str, ...], Distribution] = {}
        for operation, by_status in list(self._by_operation.items()):
            # A count that begins at 1 has not risen, as Prometheus sees it: the first 500 would go unnoticed.
            requests[operation, "500"] = 0
            for status, spread in list(by_status.items()):
                requests[operation, str(status)] = spread.total
                of_class = durations.setdefault((operation, f"{status // 100}xx"), Distribution(SECONDS))
                of_class.add(spread)
        yield counter(
            "ota_cm_http_requests_total",
            "Requests answered, by operation and status.",
            requests,
            ("operation", "status"),
        )
        yield histogram(
            "ota_cm_http_request_duration_seconds",
            "From a request's head until its answer is ready to be sent, by operation and class of status.",
            durations,
            ("operation", "status_class"),
        )
