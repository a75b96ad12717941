"""Which orders are left behind, and which are on their way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest

from infra.feeds.signals import Batch
from projections.orders import DueOrder
from services.issuer.sweeper import FEED_STILL_SECONDS, SUBMITTED_GRACE, Sweeper

if TYPE_CHECKING:
    from projections.orders import OrdersInFlight
    from services.issuer.issuance import Issuance

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MOVING, STILL = 0.0, FEED_STILL_SECONDS + 1
FRESH, LATE = timedelta(seconds=1), SUBMITTED_GRACE + timedelta(seconds=1)


class Shop:
    """A feed, one order that is due, and an issuance that notes what it is given."""

    exclusive = False

    def __init__(self, status: str, age: timedelta, *, feed_still: float, has_passed: bool) -> None:
        self.moved_at = time.monotonic() - feed_still
        self._has_passed = has_passed
        self._order = DueOrder(uuid4(), status, 17, NOW - age)
        self.settled: list[UUID] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def next_batch(self) -> Batch:
        raise AssertionError

    async def commit(self, batch: Batch) -> None: ...

    def passed(self, order_id: UUID, position: int) -> bool:
        assert (order_id, position) == (self._order.order_id, 17)
        return self._has_passed

    async def due(self, now: datetime, limit: int) -> list[DueOrder]:
        assert (now, limit > 0) == (NOW, True)
        return [self._order]

    async def settle(self, order_ids: Sequence[UUID]) -> None:
        self.settled += order_ids


@pytest.mark.parametrize(
    ("status", "age", "feed_still", "has_passed", "is_taken"),
    [
        ("Processing", FRESH, MOVING, False, True),  # its lease has run out, or its back-off is over
        ("Submitted", LATE, MOVING, True, True),
        ("Submitted", LATE, MOVING, False, False),  # a mere backlog
        ("Submitted", LATE, STILL, False, True),
        ("Submitted", FRESH, MOVING, True, False),  # the read model may lag
        ("Submitted", FRESH, STILL, False, False),  # the first one after a quiet time
    ],
)
async def test_what_the_feed_will_not_bring_any_more_is_swept(
    status: str, age: timedelta, feed_still: float, has_passed: bool, is_taken: bool
) -> None:
    shop = Shop(status, age, feed_still=feed_still, has_passed=has_passed)
    sweeper = Sweeper(shop, cast("Issuance", shop), cast("OrdersInFlight", shop), now=lambda: NOW)
    assert await sweeper.sweep() == is_taken
    assert len(shop.settled) == is_taken
