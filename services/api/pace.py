"""How many more orders may wait for issuance, from how fast it was seen to pick them up.

The age of the oldest one that waits tells too late: when it reaches the limit, the newest will wait several times as
long, for it came in faster than orders are picked up.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

BUSY_WAITING = 256
"""Where fewer wait, the issuer may be idle between them, and what it picks up says nothing of what it could."""

MEASURED_SECONDS = 0.4
WINDOW_SECONDS = 3.0

SHARE = 0.5
"""Of the limit: as long as may be waited at the pace of now. The rest is for a pace that falls by half meanwhile."""


class _Seen(NamedTuple):
    at: float
    picked_up: int


class Pace:
    """`limit_seconds`: the longest that an order may wait. Times are in seconds, of any clock that goes on evenly."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._seen: deque[_Seen] = deque()
        self._measured_at = 0.0
        self._waiting = 0
        self.per_second: float | None = None
        """None: not known, for it never had enough to do of late."""

    def saw(self, at: float, waiting: int, picked_up: int) -> None:
        """A look at the backlog: how many wait, and how many were picked up since some beginning."""
        self._waiting = waiting
        if waiting < BUSY_WAITING:
            self._seen.clear()
        self._seen.append(_Seen(at, picked_up))
        while len(self._seen) > 2 and self._seen[1].at <= at - WINDOW_SECONDS:
            self._seen.popleft()
        first = self._seen[0]
        # Where nothing at all was picked up it stands still, and the pace that it had is the best guess for a while:
        # the age of the oldest order is the limit then.
        if at - first.at >= MEASURED_SECONDS and picked_up > first.picked_up:
            self.per_second = (picked_up - first.picked_up) / (at - first.at)
            self._measured_at = at
        elif at - self._measured_at > self._limit_seconds:
            self.per_second = None

    @property
    def room(self) -> float | None:
        """How many orders more may come to wait; None where no pace is known."""
        if self.per_second is None:
            return None
        return max(0.0, self.per_second * self._limit_seconds * SHARE - self._waiting)

    @property
    def seconds_until_room(self) -> float:
        """How long until so few wait that there is room; 0 where there is."""
        if self.per_second is None:
            return 0.0
        return max(0.0, self._waiting / self.per_second - self._limit_seconds * SHARE)
