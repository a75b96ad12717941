"""Tells of Kafka being away in few lines, however often it is tried: `ota_cm_relay_faults_total` counts every time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

AGAIN_SECONDS: Final = 30.0

_log = structlog.get_logger()


class Outage:
    """The first attempt that fails is told at once, then one line each AGAIN_SECONDS, and one when it is over."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = 0.0
        self._told_at = 0.0
        self._attempts = 0

    def failed(self, error: str) -> None:
        """Once more it did not answer."""
        now = self._clock()
        if self._attempts == 0:
            self._began = now
        self._attempts += 1
        if self._attempts == 1 or now - self._told_at >= AGAIN_SECONDS:
            self._told_at = now
            _log.warning("relay_waits_for_kafka", error=error, **self._so_far(now))

    def over(self) -> None:
        """It answers; nothing is told where it did before."""
        if self._attempts:
            _log.info("relay_has_kafka_back", **self._so_far(self._clock()))
            self._attempts = 0

    def _so_far(self, now: float) -> dict[str, float]:
        return {"attempts": self._attempts, "seconds": round(now - self._began, 1)}
