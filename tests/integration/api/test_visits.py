"""When a visit can still be ordered, over HTTP and by a clock that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.api.museum import museum, package
from tests.integration.api.shop import Shop, line, opened


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, moment: str) -> None:
        self.now = datetime.fromisoformat(moment)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("services.api.role.now", clock)
    return clock


@pytest.fixture
async def night_shop(dsn: str, clock: Clock) -> AsyncIterator[Shop]:  # noqa: ARG001 - set before the shop opens
    """With tours at night too, when the clocks are changed."""
    catalog = museum()
    catalog["admissions"][1]["slots"] += [
        {"start": "02:00:00", "end": "02:30:00"},
        {"start": "02:30:00", "end": "03:30:00"},
    ]
    async with opened(dsn) as shop:
        await shop.publish(catalog)
        shop.partner_id = await shop.partner()
        shop.key = await shop.partner_key(shop.partner_id)
        yield shop


def tour(day: str, time: str) -> dict[str, Any]:
    return line(itemNumber="31005", visitDate=day, visitTime=time)


async def ordered(shop: Shop, item: dict[str, Any]) -> list[tuple[str, str]]:
    """The faults that it had."""
    answer = await shop.create(items=[item])
    return [] if answer.status == 201 else answer.faults


PAST = [("/items/0/visitTime", "past_date")]


async def test_a_slot_that_ended_an_hour_ago_cannot_be_ordered_any_more(night_shop: Shop, clock: Clock) -> None:
    in_the_morning = tour("2026-07-01", "10:30:00")
    as_component = package(visitDate="2026-07-01", visitTime="10:30:00")
    clock.set("2026-07-01T08:59:59Z")  # 10:59:59 at the venue
    assert await ordered(night_shop, in_the_morning) == []
    assert await ordered(night_shop, as_component) == []
    clock.set("2026-07-01T10:00:00Z")
    assert await ordered(night_shop, in_the_morning) == PAST
    assert await ordered(night_shop, as_component) == PAST
    assert await ordered(night_shop, line(visitDate="2026-07-01", visitTime="10:30:00")) == []  # for the whole day
    assert await ordered(night_shop, tour("2026-07-01", "14:00:00")) == []
    clock.set("2026-07-01T22:00:00Z")
    day_over = [("/items/0/visitDate", "past_date")]
    assert await ordered(night_shop, line(visitDate="2026-07-01", visitTime="23:59:59")) == day_over


async def test_on_the_day_when_the_clock_goes_back_a_repeated_slot_ends_the_second_time(
    night_shop: Shop, clock: Clock
) -> None:
    early, late = tour("2026-10-25", "02:15:00"), tour("2026-10-25", "02:45:00")
    clock.set("2026-10-25T00:45:00Z")  # 02:45 for the first time
    assert await ordered(night_shop, early) == []
    clock.set("2026-10-25T01:29:59Z")  # 02:29:59 for the second time
    assert await ordered(night_shop, early) == []
    clock.set("2026-10-25T01:30:00Z")
    assert await ordered(night_shop, early) == PAST
    assert await ordered(night_shop, late) == []
    clock.set("2026-10-25T02:30:00Z")
    assert await ordered(night_shop, late) == PAST


async def test_on_the_day_when_the_clock_goes_forward_a_slot_in_the_missing_hour_ends_with_the_jump(
    night_shop: Shop, clock: Clock
) -> None:
    missing, half = tour("2026-03-29", "02:15:00"), tour("2026-03-29", "02:45:00")
    clock.set("2026-03-29T00:59:59Z")  # 01:59:59
    assert await ordered(night_shop, missing) == []
    clock.set("2026-03-29T01:00:00Z")  # 03:00
    assert await ordered(night_shop, missing) == PAST
    assert await ordered(night_shop, half) == []
    clock.set("2026-03-29T01:30:00Z")
    assert await ordered(night_shop, half) == PAST
