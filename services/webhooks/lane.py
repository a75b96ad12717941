"""What is in hand for one endpoint: a bounded queue, so many attempts at once, and a pace while it fails."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from projections.webhook_deliveries import LeasedDelivery

PACED_AFTER: Final = 20
"""So many failures in a row, and the endpoint is tried at a pace until it answers well again."""

PACE_SECONDS: Final = 0.01
"""Between two attempts at such an endpoint: a dead one with a long queue may not take the processor from others."""


QUICK_SECONDS: Final = 0.25
"""An endpoint whose last answer came well and within this time may be sent more at once: it keeps up."""


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery in hand. `start_by`: the loop time after which its lease is too short for an attempt."""

    delivery: LeasedDelivery
    start_by: float


@dataclass(slots=True)
class Lane:
    """One endpoint's queue. `overflowed`: it has more in the table than was taken into memory. `quick`: it keeps up."""

    queue: deque[Held] = field(default_factory=deque)
    working: int = 0
    overflowed: bool = False
    quick: bool = False
    _failures: int = 0
    _next_start: float = 0.0

    def answered(self, *, well: bool, seconds: float) -> None:
        self._failures = 0 if well else self._failures + 1
        self.quick = well and seconds <= QUICK_SECONDS

    def pause_before_next(self, now: float) -> float:
        """Seconds to wait before the next attempt may start (0 almost always); claims the place."""
        if self._failures < PACED_AFTER:
            return 0.0
        start = max(now, self._next_start)
        self._next_start = start + PACE_SECONDS
        return start - now
