"""The cadence of pick-up: orders wait for the next tick, and at a tick all that wait are picked up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest

from infra.event_store.group_commit import StoreUnavailable
from infra.feeds.signals import MAX_SIGNALS, Batch, OrderSignal
from services.issuer import batches
from services.issuer.batches import settle_batches

if TYPE_CHECKING:
    from services.issuer.issuance import Issuance

CADENCE = 60.0


class Shop:
    """A feed of prepared batches and an issuance, which note in their order what was waited for and what settled."""

    exclusive = True
    moved_at = 0.0

    def __init__(self, sizes: Sequence[int], *, fails_first: bool = False) -> None:
        self._left = [self._batch(size) for size in sizes]
        self._fails = fails_first
        self.happened: list[str] = []
        self.done = asyncio.Event()

    @staticmethod
    def _batch(size: int) -> Batch:
        return Batch(tuple(OrderSignal(uuid4(), 1, place) for place in range(size)), None)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def next_batch(self) -> Batch:
        if not self._left:
            self.done.set()
            await asyncio.Event().wait()
        return self._left[0]

    async def commit(self, batch: Batch) -> None:
        assert batch is self._left.pop(0)

    def passed(self, order_id: UUID, position: int) -> bool:  # noqa: ARG002 - the port's
        return False

    async def settle(self, order_ids: Sequence[UUID]) -> None:
        if self._fails:
            self._fails = False
            raise StoreUnavailable
        self.happened.append(f"settled {len(order_ids)}")

    async def slept(self, seconds: float) -> None:
        self.happened.append("tick" if seconds > batches.RETRY_SECONDS else "again")

    async def run(self, pickup_seconds: float) -> list[str]:
        running = asyncio.create_task(
            settle_batches(self, cast("Issuance", self), pickup_seconds=pickup_seconds), name="settle"
        )
        async with asyncio.timeout(10):
            await self.done.wait()
        running.cancel()
        return self.happened


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> type[Shop]:
    class Watched(Shop):
        def __init__(self, sizes: Sequence[int], *, fails_first: bool = False) -> None:
            super().__init__(sizes, fails_first=fails_first)
            monkeypatch.setattr("services.issuer.batches.asyncio.sleep", self.slept)
            monkeypatch.setattr("services.issuer.batches.time.time", lambda: 1.0)

    return Watched


async def test_without_a_cadence_nothing_waits(shop: type[Shop]) -> None:
    assert await shop([3, MAX_SIGNALS, 2]).run(0.0) == ["settled 3", f"settled {MAX_SIGNALS}", "settled 2"]


async def test_each_batch_that_is_not_full_waits_for_its_tick(shop: type[Shop]) -> None:
    assert await shop([3, 2]).run(CADENCE) == ["tick", "settled 3", "tick", "settled 2"]


async def test_what_waits_behind_a_full_batch_is_picked_up_at_the_same_tick(shop: type[Shop]) -> None:
    full = f"settled {MAX_SIGNALS}"
    assert await shop([MAX_SIGNALS, MAX_SIGNALS, 2, 1]).run(CADENCE) == [
        "tick", full, full, "settled 2", "tick", "settled 1",
    ]  # fmt: skip


async def test_a_batch_that_could_not_be_saved_does_not_wait_for_another_tick(shop: type[Shop]) -> None:
    assert await shop([3], fails_first=True).run(CADENCE) == ["tick", "again", "settled 3"]
