"""The saga's feed over Kafka: the contract of every feed, and what is its own: partitions that come and go."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from infra.feeds.kafka_feed import KafkaFeed
from infra.feeds.signals import MAX_SIGNALS, FeedLost
from infra.kafka.topic import ensure_topic
from infra.postgres.positions import load_halted
from tests.contract.feed_contract import FeedContract, collected, started
from tests.integration.feeds.stage import KafkaStage, until, working
from tests.kafka_records import add_partitions, figures_of


class TestKafkaFeed(FeedContract):
    """The contract, over a consumer group on a real broker."""


async def test_two_share_the_orders_and_none_comes_twice(stage: KafkaStage) -> None:
    one, other = (stage.feed(name=None) for _ in range(2))
    async with working(one) as first, working(other) as second:
        await until(lambda: one.figures.partitions == other.figures.partitions == 6)
        expected = await stage.submit(400)
        await until(lambda: len(first) + len(second) >= 400)
        assert sorted(first + second) == sorted(expected)
        assert min(len(first), len(second)) > 100
        await until(lambda: _caught_up(stage))


async def test_a_batch_in_hand_is_finished_before_its_partitions_go(stage: KafkaStage) -> None:
    expected = await stage.submit(100)
    one, other = (stage.feed(name=None) for _ in range(2))
    await one.start()
    batch = await one.next_batch()
    async with working(other) as second:
        await until(lambda: one.figures.rebalances == 1 and _waits(one))
        assert second == []
        await one.commit(batch)
        await until(lambda: other.figures.partitions == 6)
        await one.stop()
        await until(lambda: len(second) + len(batch.signals) >= 100)
        assert sorted([*batch.signals, *second]) == sorted(expected)


async def test_a_batch_that_outlasts_the_rebalance_is_lost_and_comes_again(stage: KafkaStage) -> None:
    expected = await stage.submit(100)
    one, other = stage.feed(name=None, drain_seconds=0.2), stage.feed(name=None)
    await one.start()
    batch = await one.next_batch()
    async with working(other) as second:
        await until(lambda: other.figures.partitions == 6)
        with pytest.raises(FeedLost):
            await one.commit(batch)
        assert one.figures.lost == 1
        async with working(one) as first:
            await until(lambda: len(first) + len(second) >= 100)
            assert sorted(first + second) == sorted(expected)


async def test_a_batch_from_before_is_lost_also_where_its_partitions_came_back(stage: KafkaStage) -> None:
    """It is handed out again then, so it must not count as done, too."""
    expected = await stage.submit(20)
    one, other = stage.feed(name=None, drain_seconds=0.2), stage.feed(name=None)
    await one.start()
    batch = await one.next_batch()
    await other.start()
    others = asyncio.create_task(other.next_batch())
    await until(lambda: other.figures.partitions == 6)
    others.cancel()
    await other.stop()
    await until(lambda: one.figures.partitions == 12)
    with pytest.raises(FeedLost):
        await one.commit(batch)
    assert await collected(one, 20) == expected
    await one.stop()


async def test_who_leaves_gives_its_partitions_away_at_once(stage: KafkaStage) -> None:
    """Also one that has a name, which the library would have wait for its return."""
    one, other = stage.feed(name="one"), stage.feed(name="other")
    async with working(other) as second:
        async with working(one):
            await until(lambda: one.figures.partitions == other.figures.partitions == 6)
        loop = asyncio.get_running_loop()
        left = loop.time()
        await until(lambda: other.figures.partitions == 12)
        assert loop.time() - left < 8, "it waited for the end of the session"
        expected = await stage.submit(50)
        await until(lambda: len(second) >= 50)
        assert sorted(second) == sorted(expected)


async def test_one_that_works_long_on_a_batch_keeps_it(stage: KafkaStage) -> None:
    """Longer than a session lasts, and than the next fetch would wait: heartbeats go on, and reading does not."""
    feed = stage.feed(name=None)
    await feed.start()
    first = await stage.submit(1)
    batch = await feed.next_batch()
    later = await stage.submit(500)
    await asyncio.sleep(7)  # the time itself is what is tested: a session is six seconds
    assert feed.figures.messages < 10
    await feed.commit(batch)
    assert list(batch.signals) == first
    assert feed.figures.rebalances == 1
    assert await collected(feed, len(later)) == later
    await feed.stop()


async def test_a_batch_holds_no_more_than_its_bound_and_comes_in_the_order_of_the_log(stage: KafkaStage) -> None:
    await stage.submit(3 * MAX_SIGNALS)
    feed = await started(stage)
    sizes: list[int] = []
    while sum(sizes) < 3 * MAX_SIGNALS:
        batch = await feed.next_batch()
        assert list(batch.signals) == sorted(batch.signals, key=lambda signal: signal.position)
        sizes.append(len(batch.signals))
        await feed.commit(batch)
    assert max(sizes) == MAX_SIGNALS
    await feed.stop()


async def test_what_holds_no_signal_is_passed_by_and_committed(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed) as done:
        await stage.other_events(50)
        await until(lambda: feed.figures.messages == 50)
        await until(lambda: _caught_up(stage))
        assert done == []


async def test_in_a_partition_where_nothing_comes_all_that_was_relayed_has_passed(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed):
        await stage.submit(30)
        last = await stage.other_events(1)
        orders = [uuid4() for _ in range(100)]
        assert not any(feed.passed(order, last) for order in orders)
        await stage.relayed(last)
        await until(lambda: all(feed.passed(order, last) for order in orders))
        assert not feed.passed(orders[0], last + 1)


async def test_what_is_on_the_topic_and_not_finished_has_not_passed(stage: KafkaStage) -> None:
    signals = await stage.submit(40)
    last = signals[-1].position
    feed = await started(stage)
    batch = await feed.next_batch()
    await stage.relayed(last)
    quiet = [uuid4() for _ in range(100)]
    await until(lambda: any(feed.passed(order, last) for order in quiet) or len(batch.signals) == 40)
    await asyncio.sleep(2.5)  # the ends are looked at each second
    assert not any(feed.passed(signal.order_id, signal.position) for signal in batch.signals)
    await feed.commit(batch)
    assert all(feed.passed(signal.order_id, signal.position) for signal in batch.signals)
    await feed.stop()


async def test_one_without_partitions_knows_that_the_others_move(narrow_stage: KafkaStage) -> None:
    """Else it would take a mere backlog of theirs for one that nobody works on."""
    stage = narrow_stage
    one, other = stage.feed(name=None), stage.feed(name=None)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(working(one))
        await until(lambda: one.figures.partitions == 1)
        await stack.enter_async_context(working(other))
        await until(lambda: other.figures.rebalances == 1 and one.figures.partitions + other.figures.partitions == 1)
        idle = other if other.figures.partitions == 0 else one
        stood = idle.moved_at

        async def others_move() -> bool:
            await stage.submit(1)
            return idle.moved_at > stood

        await until(others_move)
        assert idle.figures.lost == 0


async def test_one_that_was_stopped_hands_nothing_out(stage: KafkaStage) -> None:
    await stage.submit(1)
    feed = await started(stage)
    waiting = asyncio.create_task(feed.next_batch())
    await waiting
    await feed.commit(waiting.result())
    waiting = asyncio.create_task(feed.next_batch())
    await asyncio.sleep(0)
    await feed.stop()
    await stage.submit(1)
    done, _ = await asyncio.wait({waiting}, timeout=1.5)
    assert not done
    waiting.cancel()


async def test_a_topic_that_does_not_fit_is_told_to_operators_until_it_is_mended(stage: KafkaStage) -> None:
    fitting = stage.settings
    stage.settings = replace(fitting, partitions=13)
    await ensure_topic(fitting)
    feed = stage.feed()
    async with working(feed) as done:
        await until(lambda: _is_halted(stage, "has 12 partitions and should have 13"))
        await add_partitions(fitting, 13)
        await stage.submit(1)
        await until(lambda: len(done) == 1)
        assert not await _is_halted(stage, "")


async def _is_halted(stage: KafkaStage, why: str) -> bool:
    async with stage.pool.connection() as connection:
        halted = await load_halted(connection, "issuer")
        return halted is not None and why in halted


async def _caught_up(stage: KafkaStage) -> bool:
    return (await figures_of(stage.settings)).place.lag == 0


def _waits(feed: KafkaFeed) -> bool:
    """Whether its group is being dealt out anew, and waits for it."""
    member = feed._member
    return member is not None and bool(member._consumer._subscription.reassignment_in_progress)
