"""How much room for new orders follows from what was seen of the backlog."""

from __future__ import annotations

import pytest

from services.api.pace import BUSY_WAITING, SHARE, Pace

LIMIT = 10.0
FAR = 10_000


def looked(pace: Pace, *, until: float, since: float = 0.0, waiting: int = FAR, per_second: int = 100) -> None:
    """Four looks a second while so many were picked up."""
    for turn in range(int((until - since) * 4) + 1):
        at = since + turn / 4
        pace.saw(at, waiting, round(at * per_second))


def test_nothing_is_known_of_an_issuer_that_is_idle_between_orders() -> None:
    pace = Pace(LIMIT)
    looked(pace, until=20.0, waiting=BUSY_WAITING - 1)
    assert (pace.per_second, pace.room) == (None, None)


def test_as_many_may_wait_as_are_picked_up_in_a_share_of_the_limit() -> None:
    pace = Pace(LIMIT)
    looked(pace, until=2.0, waiting=300, per_second=100)
    assert pace.per_second == pytest.approx(100, rel=0.1)
    assert pace.room == pytest.approx(100 * LIMIT * SHARE - 300, rel=0.2)
    assert pace.seconds_until_room == 0.0


def test_where_more_wait_there_is_no_room_until_they_are_gone() -> None:
    pace = Pace(LIMIT)
    looked(pace, until=2.0, waiting=2000, per_second=100)
    assert pace.room == 0.0
    assert pace.seconds_until_room == pytest.approx(20 - LIMIT * SHARE, rel=0.2)


def test_the_pace_follows_the_last_seconds() -> None:
    pace = Pace(LIMIT)
    looked(pace, until=10.0, per_second=1000)
    picked_up = 10_000
    for turn in range(1, 20):
        pace.saw(10 + turn / 4, FAR, picked_up + turn * 25)
    assert pace.per_second == pytest.approx(100, rel=0.05)


def test_an_issuer_that_stands_still_keeps_its_pace_for_as_long_as_the_limit() -> None:
    pace = Pace(LIMIT)
    looked(pace, until=2.0, per_second=100)
    for at in (2.25, 5.0, 11.0):
        pace.saw(at, FAR, 200)
    assert pace.room == 0.0
    pace.saw(2.0 + LIMIT + 3.5, FAR, 200)
    assert pace.room is None
