"""Whether new work is taken: not while issuance is too far behind, so that a burst cannot outrun it without end, and
not while this process has its hands full, so that what it takes and what it refuses are both answered fast.

Refused is createOrder and replaceOrder, with 503 and a Retry-After; everything else goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from math import ceil
from typing import TYPE_CHECKING, Literal

import structlog

from infra.feeds.log_backlog import Backlog
from infra.postgres.errors import DatabaseUnavailable
from infra.telemetry.instruments import counter, gauge
from services.api.pace import Pace
from services.api.problems import Problem

if TYPE_CHECKING:
    from prometheus_client import Metric

    from infra.feeds.log_backlog import LooksAtBacklog

log = structlog.get_logger()

LOOK_SECONDS = 0.25
TOLD_EVERY_SECONDS = 1.0

# Busy is a queue that stands: many in hand, and slow. A burst alone is worked off, and nobody is refused for it; but
# never more than are certain to be stored before their deadline, on a slow machine too.
MANY_IN_HAND, SLOW_SECONDS = 128, 0.05
MOST_IN_HAND = 512

UNHURRIED = 20
"""So many between two looks are refused by the contract's order of checks, the body's faults before this; of more, and
where this process is busy, nothing is read for which there is no room anyway."""

SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1, 30
RETRY_SECONDS = 5
"""Where issuance stands still, and nothing tells when it will go on."""

Reason = Literal["backlog", "busy"]
DETAIL: dict[Reason, str] = {
    "backlog": "Issuance is too far behind: nothing was accepted. Try again.",
    "busy": "Too many orders at once: nothing was accepted. Try again.",
}
NONE_WAITS = Backlog(waiting=0, picked_up=0, oldest_seconds=0.0)


class Admission:
    """Closed for new orders while the oldest that waits to be picked up has waited longer than `max_backlog_seconds`
    (0: never), or will have: where more wait than are picked up in that time, only as many are let in as go.

    Orders that were picked up and wait on a timer do not count: one sick issuer does not shut the shop.
    `pickup_seconds`: the cadence of pick-up; orders wait that long by intention, and at no pace that could be measured.
    """

    def __init__(
        self,
        backlog: LooksAtBacklog,
        max_backlog_seconds: float,
        *,
        pickup_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backlog = backlog
        self._max_backlog_seconds = max_backlog_seconds
        self._pickup_seconds = pickup_seconds
        self._clock = clock
        self._pace = Pace(max_backlog_seconds)
        self._room: float | None = None
        self._evenly = False
        self._looked_at = 0.0
        self._taken = 0
        self._in_hand = 0
        self._arriving = 0
        self._took = 0.0
        self._refused: dict[Reason, int] = {"backlog": 0, "busy": 0}
        self._refused_in_all = 0
        self._refused_before = 0
        self._refused_lately = 0
        self._told = 0
        self._told_at = 0.0
        self._retry_seconds = SHORTEST_RETRY_SECONDS

    def why_not(self, *, mine: int = 0) -> Reason | None:
        """Why nothing new is taken now; None where it is. `mine`: 1 for who has come into hand."""
        in_hand = self._in_hand + self._arriving - mine
        if in_hand >= MANY_IN_HAND and (self._took > SLOW_SECONDS or in_hand >= MOST_IN_HAND):
            return "busy"
        if self._room is None:
            return None
        room = self._room
        if self._evenly and not mine:
            # What goes out until the next look is let in one by one, not all of it in the first moments.
            room *= min(1.0, (self._clock() - self._looked_at) / LOOK_SECONDS)
        return "backlog" if self._taken + self._arriving - mine >= room else None

    def why_not_unread(self) -> Reason | None:
        """The same for what just came, where it may be refused before it is read."""
        reason = self.why_not()
        return reason if reason != "backlog" or self._hurried() else None

    def _hurried(self) -> bool:
        return self._refused_lately + self._refused_in_all - self._refused_before >= UNHURRIED

    def ensure_open(self) -> None:
        """For a request in hand. Raises Problem 503."""
        if (reason := self.why_not(mine=1)) is not None:
            raise self.refused(reason)

    def ensure_open_unread(self) -> None:
        """The same, where its body is not looked at yet. Raises Problem 503."""
        if self.why_not(mine=1) is not None and self._hurried():
            self.ensure_open()

    def refused(self, reason: Reason) -> Problem:
        """The answer to one that is not taken; it is counted."""
        self.count_refused(reason)
        return self.problem(reason, self.retry_after(reason))

    def problem(self, reason: Reason, retry_after: int) -> Problem:
        return Problem("unavailable", DETAIL[reason], headers={"Retry-After": str(retry_after)})

    def count_refused(self, reason: Reason) -> None:
        self._refused[reason] += 1
        self._refused_in_all += 1

    def retry_after(self, reason: Reason) -> int:
        """In seconds; spread, so that who was refused together does not return together."""
        seconds = self._retry_seconds if reason == "backlog" else SHORTEST_RETRY_SECONDS
        return random.randint(seconds, 2 * seconds)  # noqa: S311 - jitter

    def arriving(self) -> None:
        """One was read from its connection, and is not in hand yet: a thousand may be read at once."""
        self._arriving += 1

    def in_hand(self) -> InHand:
        """While a request for new work is answered. Where that fails, it has taken no room."""
        return InHand(self)

    def came_into_hand(self) -> float:
        """When, for `left_hand`."""
        if self._arriving:
            self._arriving -= 1
        self._in_hand += 1
        self._taken += 1
        return self._clock()

    def left_hand(self, since: float, *, taken: bool) -> None:
        self._in_hand -= 1
        self._took = self._clock() - since
        if not taken and self._taken:
            self._taken -= 1

    def families(self) -> Iterable[Metric]:
        refused: dict[tuple[str, ...], float] = {(reason,): count for reason, count in self._refused.items()}
        is_open = self._refused_lately == 0 and self.why_not() is None
        yield gauge("ota_cm_admission_open", "0 while new orders are refused: issuance is too far behind.", is_open)
        yield counter("ota_cm_admission_refused_total", "New orders refused, by reason.", refused, ("reason",))

    async def watch(self) -> None:
        """Look four times a second, for ever."""
        while True:
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("admission_waits_for_store", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Find out how much room there is. Raises DatabaseUnavailable."""
        backlog = await self._backlog.look() if self._max_backlog_seconds else NONE_WAITS
        now = self._clock()
        room, evenly = None, False
        if self._max_backlog_seconds and not self._pickup_seconds:
            self._pace.saw(now, backlog.waiting, backlog.picked_up)
            room = self._pace.room
            # Two looks' worth: with more, the next look comes before the room is taken.
            evenly = (room or 0.0) < 2 * LOOK_SECONDS * (self._pace.per_second or 0.0)
        seconds_behind = backlog.oldest_seconds - self._pickup_seconds
        if self._max_backlog_seconds and seconds_behind > self._max_backlog_seconds:
            room = 0.0
        refused = self._refused_in_all
        self._refused_lately = refused - self._refused_before
        self._retry_seconds = self._when_to_retry(self._refused_lately / max(now - self._looked_at, 0.001))
        self._refused_before = refused
        self._room, self._evenly, self._looked_at, self._taken = room, evenly, now, 0
        self._arriving = 0  # those that never came into hand: refused before, or their clients have gone
        self._tell(now, refused, waiting=backlog.waiting, seconds_behind=round(max(seconds_behind, 0.0), 1))

    def _when_to_retry(self, refused_per_second: float) -> int:
        """So late that those who were refused could all be taken by then, at this pace."""
        pace = self._pace.per_second
        if pace is None:
            return RETRY_SECONDS
        seconds = max(refused_per_second / pace, self._pace.seconds_until_room)
        return min(max(ceil(seconds), SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)

    def _tell(self, now: float, refused: int, **figures: float) -> None:
        """One line a second for all that were refused: a line each would fill the disk in a flood."""
        if refused == self._told or now - self._told_at < TOLD_EVERY_SECONDS:
            return
        log.warning(
            "orders_refused",
            orders=refused - self._told,
            picked_up_per_second=round(self._pace.per_second or 0.0),
            **figures,
        )
        self._told, self._told_at = refused, now


class InHand:
    """A request for new work, from when it came into hand until it is answered. (A class: each request makes one.)"""

    __slots__ = ("_admission", "_since")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = self._admission.came_into_hand()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._admission.left_hand(self._since, taken=kind is None)
