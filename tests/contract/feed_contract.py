"""What the saga relies on, of every feed (`services.issuer.feed.Feed`). A feed's own tests inherit these.

They give a `stage`: a log, a feed behind which nothing else stands, and somebody else who takes the feed over.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from uuid import uuid4

import pytest

from infra.feeds.signals import Batch, FeedLost, OrderSignal
from services.issuer.feed import Feed


class FeedStage(ABC):
    """Where a feed is tried."""

    @abstractmethod
    def feed(self) -> Feed:
        """A new reader of the same consumer, not started; each stands where the consumer's commits left it."""

    @abstractmethod
    async def submit(self, count: int) -> list[OrderSignal]:
        """Store that many submissions of new orders, with other events between; their signals by position."""

    @abstractmethod
    async def submit_again(self, earlier: OrderSignal) -> OrderSignal:
        """Store another submission of the same order."""

    @abstractmethod
    async def other_events(self, count: int) -> int:
        """Store events that are no signals; the position of the last one."""

    @abstractmethod
    async def taken_over(self) -> None:
        """Another one is handed what this consumer was handed, and commits it."""


class FeedContract:
    """Batches out, commit back."""

    async def test_every_submission_comes_once(self, stage: FeedStage) -> None:
        expected = await stage.submit(3)
        feed = await started(stage)
        assert await collected(feed, 3) == expected
        later = await stage.submit(2)
        assert await collected(feed, 2) == later
        await feed.stop()

    async def test_an_orders_submissions_come_in_their_order(self, stage: FeedStage) -> None:
        first, _ = await stage.submit(2)
        second = await stage.submit_again(first)
        third = await stage.submit_again(second)
        feed = await started(stage)
        handed_out = [signal for signal in await handed(feed, 4) if signal.order_id == first.order_id]
        assert handed_out == [first, second, third]
        await feed.stop()

    async def test_whoever_waits_is_handed_what_is_stored_meanwhile(self, stage: FeedStage) -> None:
        feed = await started(stage)
        waiting = asyncio.create_task(collected(feed, 1))
        await stage.other_events(3)
        assert await stage.submit(1) == await waiting
        await feed.stop()

    async def test_a_batch_is_in_hand_until_it_is_committed(self, stage: FeedStage) -> None:
        expected = await stage.submit(1)
        feed = await started(stage)
        batch = await feed.next_batch()
        assert list(batch.signals) == expected
        await stage.submit(1)
        assert await feed.next_batch() is batch
        assert await feed.next_batch() is batch
        await feed.commit(batch)
        assert (await feed.next_batch()).signals != batch.signals
        await feed.stop()

    async def test_what_was_not_committed_is_handed_out_again_after_a_restart(self, stage: FeedStage) -> None:
        first, second = await stage.submit(1), await stage.submit(1)
        feed = await started(stage)
        batch = await feed.next_batch()
        await feed.stop()
        feed = await started(stage)
        assert set((await feed.next_batch()).signals) & set(batch.signals)
        assert await collected(feed, 2) == first + second
        await feed.stop()

    async def test_what_was_committed_is_not_handed_out_again(self, stage: FeedStage) -> None:
        await stage.submit(3)
        feed = await started(stage)
        await collected(feed, 3)
        await feed.stop()
        expected = await stage.submit(1)
        feed = await started(stage)
        assert await collected(feed, 1) == expected
        await feed.stop()

    async def test_more_than_a_batch_comes_in_several_without_loss(self, stage: FeedStage) -> None:
        expected = await stage.submit(700)
        feed = await started(stage)
        assert await collected(feed, 700) == expected
        await feed.stop()

    async def test_a_batch_that_another_one_took_cannot_be_committed(self, stage: FeedStage) -> None:
        await stage.submit(2)
        feed = await started(stage)
        batch = await feed.next_batch()
        await stage.taken_over()
        with pytest.raises(FeedLost):
            await feed.commit(batch)
        # Started again, it goes on behind the other one.
        await feed.start()
        expected = await stage.submit(1)
        assert await collected(feed, 1) == expected
        await feed.stop()

    async def test_a_batch_that_is_not_in_hand_cannot_be_committed(self, stage: FeedStage) -> None:
        expected = await stage.submit(1)
        feed = await started(stage)
        batch = await feed.next_batch()
        with pytest.raises(FeedLost):
            await feed.commit(Batch(batch.signals, object()))
        assert await collected(feed, 1) == expected
        with pytest.raises(FeedLost):
            await feed.commit(batch)
        await feed.stop()

    async def test_a_signal_has_passed_once_it_is_committed(self, stage: FeedStage) -> None:
        (signal,) = await stage.submit(1)
        feed = await started(stage)
        assert not feed.passed(signal.order_id, signal.position)
        batch = await feed.next_batch()
        assert not feed.passed(signal.order_id, signal.position)
        await feed.commit(batch)
        assert feed.passed(signal.order_id, signal.position)
        assert not feed.passed(uuid4(), signal.position + 1_000)
        await feed.stop()

    async def test_each_commit_moves_its_clock(self, stage: FeedStage) -> None:
        await stage.submit(1)
        feed = await started(stage)
        before = feed.moved_at
        batch = await feed.next_batch()
        assert feed.moved_at == before
        await feed.commit(batch)
        assert feed.moved_at > before
        await feed.stop()

    async def test_one_that_waits_can_be_ended(self, stage: FeedStage) -> None:
        feed = await started(stage)
        waiting = asyncio.create_task(feed.next_batch())
        await stage.other_events(1)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        await feed.stop()
        await feed.stop()


async def started(stage: FeedStage) -> Feed:
    feed = stage.feed()
    await feed.start()
    return feed


async def handed(feed: Feed, count: int) -> list[OrderSignal]:
    """The next signals as they come, each batch committed before the next one is asked for."""
    signals: list[OrderSignal] = []
    while len(signals) < count:
        batch = await feed.next_batch()
        assert batch.signals
        signals += batch.signals
        await feed.commit(batch)
    assert len(signals) == count
    return signals


async def collected(feed: Feed, count: int) -> list[OrderSignal]:
    """The same by position: between orders a feed may hand them out in any order."""
    return sorted(await handed(feed, count), key=lambda signal: signal.position)
