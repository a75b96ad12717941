"""What follows an attempt to deliver: a pure policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONTRACT_WAITS: Final[tuple[float, ...]] = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before the second, third, … attempt: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""

JITTER: Final = 0.1
"""A wait is up to this part of it longer or shorter, so that what failed together does not come back together."""

_LONGEST_WAIT: Final = 30 * 86_400.0
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint took it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """To be tried again after so many seconds."""

    after_seconds: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Tried as often as the schedule allows: kept, and recovered only when asked."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint says that it wants no more: the subscription is to be disabled, and this delivery is dead."""


Verdict = Delivered | Retry | Dead | Gone


def is_success(status: int | None) -> bool:
    """Whether an answer with this HTTP status counts as delivered; None: there was no answer."""
    return status is not None and 200 <= status < 300


def verdict(tried: int, status: int | None, waits: Sequence[float], chance: float) -> Verdict:
    """What follows the attempt just made.

    tried: attempts made since the delivery was queued (or recovered), this one included, from 1. status: the HTTP
    status, None where there was no answer in time. waits: seconds between attempts. chance: a random number in [0, 1).
    """
    if is_success(status):
        return Delivered()
    if status == _GONE:
        return Gone()
    if tried > len(waits):
        return Dead()
    return Retry(waits[tried - 1] * (1 + JITTER * (2 * chance - 1)))


def parse_waits(text: str) -> tuple[float, ...]:
    """The waits of `OTA_CM_WEBHOOK_RETRY_SECONDS`: seconds, comma-separated, each at least 0 and at most 30 days.

    Raises ValueError with a line that names the bad part.
    """
    waits = []
    for part in text.split(","):
        try:
            wait = float(part)
        except ValueError:
            raise ValueError(f"{part.strip()!r} is not a number of seconds") from None
        if not (math.isfinite(wait) and 0 <= wait <= _LONGEST_WAIT):
            raise ValueError(f"{part.strip()!r} is not at least 0 and at most {_LONGEST_WAIT:.0f} seconds")
        waits.append(wait)
    return tuple(waits)
