"""When new orders are taken, from looks at a backlog that the test makes up."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import cast

import pytest
from structlog.testing import capture_logs

from infra.feeds.log_backlog import Backlog, LogBacklog
from services.api.admission import (
    LONGEST_RETRY_SECONDS,
    LOOK_SECONDS,
    MANY_IN_HAND,
    MOST_IN_HAND,
    SLOW_SECONDS,
    UNHURRIED,
    Admission,
)
from services.api.pace import SHARE
from services.api.problems import Problem

LIMIT = 5.0


class Shop:
    """An admission over a backlog and a clock that stand where the test puts them."""

    def __init__(self, limit: float = LIMIT, *, pickup: float = 0.0) -> None:
        self.now = 1000.0
        self.backlog = Backlog(0, 0, 0.0)
        self.admission = Admission(cast("LogBacklog", self), limit, pickup_seconds=pickup, clock=lambda: self.now)

    async def look(self) -> Backlog:
        """As the backlog."""
        return self.backlog

    async def see(self, waiting: int, picked_up: int, oldest_seconds: float = 0.1) -> None:
        self.now += LOOK_SECONDS
        self.backlog = Backlog(waiting, picked_up, oldest_seconds)
        await self.admission.look()

    async def flood(self, waiting: int, per_second: int = 1000) -> None:
        """Some seconds of looks, each of which finds so many waiting."""
        for turn in range(1, 13):
            await self.see(waiting, round(turn * LOOK_SECONDS * per_second))

    def take(self, count: int) -> int:
        """How many of so many are taken, who come at once and go out at once."""
        taken = 0
        for _ in range(count):
            if self.admission.why_not() is None:
                with self.admission.in_hand():
                    taken += 1
        return taken


async def test_closed_while_the_oldest_has_waited_too_long() -> None:
    shop = Shop()
    await shop.see(10, 0, oldest_seconds=LIMIT)
    assert shop.take(1000) == 1000
    await shop.see(10, 0, oldest_seconds=LIMIT + 0.01)
    assert shop.admission.why_not() == "backlog"
    with shop.admission.in_hand(), pytest.raises(Problem) as refused:
        shop.admission.ensure_open()
    assert (refused.value.status, refused.value.code) == (503, "unavailable")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 2 * LONGEST_RETRY_SECONDS
    await shop.see(10, 0, oldest_seconds=LIMIT)
    assert shop.take(1) == 1


async def test_without_a_limit_no_backlog_closes_it() -> None:
    shop = Shop(limit=0.0)
    await shop.see(1_000_000, 0, oldest_seconds=3600)
    assert shop.take(1000) == 1000


async def test_a_cadence_of_pick_up_is_no_backlog() -> None:
    shop = Shop(pickup=60.0)
    await shop.see(1_000_000, 0, oldest_seconds=60 + LIMIT)
    assert shop.take(1000) == 1000
    await shop.see(1_000_000, 0, oldest_seconds=61 + LIMIT)
    assert shop.take(1) == 0


async def test_no_more_are_taken_than_will_be_picked_up_in_time() -> None:
    shop = Shop()
    await shop.flood(waiting=1000)
    assert shop.take(10_000) == pytest.approx(1000 * LIMIT * SHARE - 1000, rel=0.1)


async def test_a_full_shop_lets_in_one_by_one_what_goes_out() -> None:
    shop = Shop()
    full = round(1000 * LIMIT * SHARE)
    await shop.flood(waiting=full - 200)
    assert shop.take(1000) == 0
    taken = []
    for _ in range(5):
        shop.now += LOOK_SECONDS / 4
        taken.append(shop.take(1000))
    assert taken == [pytest.approx(50, abs=20)] * 4 + [0]


async def test_those_that_were_read_and_are_not_in_hand_yet_count() -> None:
    shop = Shop()
    await shop.flood(waiting=1000)
    room = round(1000 * LIMIT * SHARE) - 1000
    for _ in range(room + 100):
        shop.admission.arriving()
    assert shop.admission.why_not() == "busy"
    assert shop.take(1) == 0


async def test_what_was_refused_after_all_has_taken_no_room() -> None:
    shop = Shop()
    await shop.flood(waiting=1000)
    for _ in range(10_000):
        with suppress(ValueError), shop.admission.in_hand():
            raise ValueError
    assert shop.take(100) == 100


async def test_busy_is_many_in_hand_that_take_long() -> None:
    shop = Shop()

    def come(stack: ExitStack, count: int) -> None:
        for _ in range(count):
            stack.enter_context(shop.admission.in_hand())

    with ExitStack() as burst:
        come(burst, MOST_IN_HAND - 1)
        assert shop.admission.why_not() is None
        come(burst, 1)
        assert shop.admission.why_not_unread() == "busy"
        shop.now += SLOW_SECONDS + 0.01
    with ExitStack() as slow:
        come(slow, MANY_IN_HAND - 1)
        assert shop.admission.why_not() is None
        come(slow, 1)
        assert shop.admission.why_not_unread() == "busy"
    assert shop.admission.why_not() is None


async def test_a_few_are_read_before_they_are_refused_and_many_are_not() -> None:
    shop = Shop()
    await shop.see(10, 0, oldest_seconds=LIMIT + 1)
    for _ in range(UNHURRIED):
        assert shop.admission.why_not() == "backlog"
        assert shop.admission.why_not_unread() is None
        shop.admission.count_refused("backlog")
    assert shop.admission.why_not_unread() == "backlog"
    await shop.see(10, 0, oldest_seconds=LIMIT + 1)
    assert shop.admission.why_not_unread() == "backlog"
    await shop.see(10, 0, oldest_seconds=LIMIT + 1)
    assert shop.admission.why_not_unread() is None


@pytest.mark.parametrize(("refused", "seconds"), [(10, 1), (2500, 10), (20_000, LONGEST_RETRY_SECONDS)])
async def test_the_more_are_refused_the_later_they_are_asked_to_return(refused: int, seconds: int) -> None:
    shop = Shop()
    await shop.flood(waiting=2500)
    for _ in range(refused):
        shop.admission.count_refused("backlog")
    await shop.see(2500, 3250)
    times = {shop.admission.retry_after("backlog") for _ in range(300)}
    assert min(times) == pytest.approx(seconds, abs=1)
    assert max(times) == pytest.approx(2 * seconds, abs=2)


async def test_many_refusals_are_one_line() -> None:
    shop = Shop()
    await shop.see(10, 0, oldest_seconds=LIMIT + 1)
    with capture_logs() as told:
        for _ in range(12):
            for _ in range(500):
                shop.admission.refused("backlog")
            await shop.see(10, 0, oldest_seconds=LIMIT + 1)
    assert 2 <= len(told) <= 4
    assert sum(line["orders"] for line in told) >= 4000
