"""How much a sender does at once, and for how long it may hold what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.webhooks.client import ATTEMPT_SECONDS

LEASE_SECONDS: Final = 60.0
"""How long deliveries are leased; whoever writes rows for this sender leases them as long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once. `at_once` to `taken_each`: for an endpoint; `held`, `taken`: for all of them.

    `at_once_quick`: to an endpoint that keeps up. One that hangs may not hold as many connections.

    `attempt_seconds` is the session's time-out. A delivery whose lease would end before its attempt is not started.
    """

    at_once: int = 8
    at_once_quick: int = 32
    queued: int = 1_000
    held: int = 20_000
    taken_each: int = 100
    taken: int = 1_000
    lease_seconds: float = LEASE_SECONDS
    attempt_seconds: float = ATTEMPT_SECONDS

    @property
    def startable_seconds(self) -> float:
        """For so long after it was leased a delivery may be started."""
        return self.lease_seconds * 0.9 - self.attempt_seconds

    @property
    def low_water(self) -> int:
        """With fewer in its queue, a lane is given more from the table."""
        return self.taken_each // 2 + 1
