"""How often a key may ask for what is not there: who guesses numbers finds no ticket that way, and is noticed.

Counted in this process: behind n instances a key has n times as many guesses. Our own numbers have 64 random bits, so
that neither finds one; it is for external reference numbers, which partners choose.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from math import ceil
from typing import TYPE_CHECKING, Final, get_args

from domain.api_key import Scope
from infra.telemetry.instruments import counter
from services.api.problems import Problem

if TYPE_CHECKING:
    from prometheus_client import Metric

    from services.api.call import Caller

LIMIT: Final = 30
MINUTE_SECONDS: Final = 60.0
_NAME: Final = '"unknown-references"'


class Minute:
    """What a key asks for from its first unknown reference on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: float | None = None
        self.unknown = 0
        self.guesses = asyncio.Semaphore(LIMIT)
        """A look-up takes one and gives it back where the reference was known: while as many are under way as could
        all be wrong, the next one waits. Else a burst would be let in whole while nothing of it was counted."""

    @property
    def is_over(self) -> bool:
        return self._ends is not None and self._ends <= self._clock()

    @property
    def seconds_left(self) -> float:
        return MINUTE_SECONDS if self._ends is None else max(self._ends - self._clock(), 0.0)

    @property
    def headers(self) -> dict[str, str]:
        """How the key stands (IETF draft, RateLimit header fields for HTTP)."""
        left = LIMIT - self.unknown
        return {
            "RateLimit-Policy": f"{_NAME};q={LIMIT};w={MINUTE_SECONDS:g}",
            "RateLimit": f"{_NAME};r={left};t={ceil(self.seconds_left)}",
        }

    def count_unknown(self) -> None:
        if self._ends is None:
            self._ends = self._clock() + MINUTE_SECONDS
        self.unknown += 1

    def ensure_guesses_left(self) -> None:
        """Raises Problem 429."""
        if self.unknown < LIMIT:
            return
        seconds = max(ceil(self.seconds_left), 1)
        detail = f"{LIMIT} unknown references within a minute: this key is answered again in {seconds} s."
        raise Problem("rate_limited", detail, headers={**self.headers, "Retry-After": str(seconds)})


class LookUp:
    """One that is under way."""

    def __init__(self, minute: Minute) -> None:
        self._minute = minute
        self.was_known = True

    def is_unknown(self) -> None:
        """There is nothing by this reference, for this key."""
        self._minute.count_unknown()
        self.was_known = False

    @property
    def headers(self) -> dict[str, str]:
        """For its answer."""
        return self._minute.headers


class GuessLimit:
    """After 30 of them within a minute, nothing is answered to the key until that minute ends.

    (Libraries count what is asked, before its answer is known; here the answer counts.)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minutes: dict[str, Minute] = {}
        self._unknown: dict[Scope, int] = dict.fromkeys(get_args(Scope), 0)

    @asynccontextmanager
    async def look_up(self, caller: Caller) -> AsyncIterator[LookUp]:
        """Around a look-up. Raises Problem 429."""
        minute = self._minutes.get(caller.key_id)
        if minute is None or minute.is_over:
            minute = self._minutes[caller.key_id] = Minute(self._clock)
        minute.ensure_guesses_left()
        await minute.guesses.acquire()
        under_way = LookUp(minute)
        try:
            minute.ensure_guesses_left()
            yield under_way
        finally:
            if not under_way.was_known:
                self._unknown[caller.scope] += 1
            # After the last guess too: those that wait for one must hear that there is none.
            if under_way.was_known or minute.unknown >= LIMIT:
                minute.guesses.release()

    def families(self) -> Iterable[Metric]:
        unknown: dict[tuple[str, ...], float] = {(scope,): count for scope, count in self._unknown.items()}
        told = "Look-ups of tickets and wallets that are not there, by the key's scope: many of them are guesses."
        yield counter("ota_cm_unknown_references_total", told, unknown, ("scope",))
