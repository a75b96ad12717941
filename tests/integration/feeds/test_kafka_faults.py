"""What befalls topic and broker while the saga is fed: it waits, goes on by itself, and repeats rather than lose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infra.kafka.partitions import partition_of
from infra.kafka.topic import ensure_topic
from infra.postgres.connections import Pool
from tests.brokers import Broker, kafka_settings_of
from tests.contract.feed_contract import collected, started
from tests.integration.feeds.stage import KafkaStage, until, working
from tests.kafka_records import delete_topic, truncate_topic


@pytest.fixture
async def killable(kafka_to_kill: Broker, pool: Pool) -> AsyncIterator[KafkaStage]:
    """On a broker that may be killed."""
    stage = KafkaStage(kafka_settings_of(kafka_to_kill), pool)
    yield stage
    await stage.close()


@asynccontextmanager
async def away(broker: Broker) -> AsyncIterator[None]:
    await asyncio.to_thread(broker.kill)
    yield
    await asyncio.to_thread(broker.start)


async def test_a_broker_that_goes_and_comes_back(killable: KafkaStage, kafka_to_kill: Broker) -> None:
    feed = killable.feed()
    async with working(feed) as done:
        expected = await killable.submit(20)
        await until(lambda: len(done) >= 20)
        async with away(kafka_to_kill):
            pass
        expected += await killable.submit(20)
        await until(lambda: set(done) == set(expected))


async def test_one_that_starts_while_it_is_away(killable: KafkaStage, kafka_to_kill: Broker) -> None:
    expected = await killable.submit(20)
    feed = killable.feed()
    async with away(kafka_to_kill):
        await feed.start()
        waiting = asyncio.create_task(feed.next_batch())
        done, _ = await asyncio.wait({waiting}, timeout=1.0)
        assert not done
        assert not feed.passed(expected[0].order_id, expected[0].position)
    batch = await waiting
    await feed.commit(batch)
    assert sorted([*batch.signals, *await collected(feed, 20 - len(batch.signals))]) == sorted(expected)
    await feed.stop()


async def test_a_batch_in_hand_while_it_is_away_is_committed_or_comes_again(
    killable: KafkaStage, kafka_to_kill: Broker
) -> None:
    expected = await killable.submit(5)
    feed = killable.feed()
    await feed.start()
    batch = await feed.next_batch()
    async with working(feed, in_hand=batch) as done:
        async with away(kafka_to_kill):
            pass
        expected += await killable.submit(5)
        await until(lambda: set(done) == set(expected))


async def test_it_ends_in_time_while_the_broker_is_frozen(killable: KafkaStage, kafka_to_kill: Broker) -> None:
    await killable.submit(1)
    feed = await started(killable)
    await feed.commit(await feed.next_batch())
    await asyncio.to_thread(kafka_to_kill.pause)
    try:
        async with asyncio.timeout(30):
            await feed.stop()
    finally:
        # Not let go on: the library forgets a connection here, which would stay open for some minutes.
        await asyncio.to_thread(kafka_to_kill.kill)


async def test_what_retention_took_away_has_passed_unseen(stage: KafkaStage) -> None:
    """Whoever sweeps knows then that these orders will not come any more."""
    lost = (await stage.submit(1))[0]
    partition = partition_of(str(lost.order_id).encode(), 12)
    await truncate_topic(stage.settings, partition, -1)
    rest = await stage.submit(20)
    feed = stage.feed()
    async with working(feed) as done:
        await until(lambda: set(rest) <= set(done))
        assert lost not in done
        await stage.relayed(rest[-1].position)
        await until(lambda: feed.passed(lost.order_id, lost.position))


async def test_one_that_was_behind_when_retention_came_goes_on(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed) as done:
        seen = await stage.submit(20)
        await until(lambda: set(done) == set(seen))
    await stage.submit(30)
    for partition in range(12):
        await truncate_topic(stage.settings, partition, -1)
    later = await stage.submit(20)
    feed = stage.feed()
    async with working(feed) as done:
        await until(lambda: set(done) == set(later))


async def test_a_topic_that_is_lost_and_made_again(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed) as done:
        first = await stage.submit(30)
        await until(lambda: set(done) == set(first))
        await delete_topic(stage.settings)
        await ensure_topic(stage.settings)
        await stage.renew()
        later = await stage.submit(100)
        await stage.relayed(later[-1].position)

        def nothing_is_left() -> bool:
            """What the new topic held below the old one's offsets is not handed out, and known to have passed."""
            return all(one in done or feed.passed(one.order_id, one.position) for one in later)

        await until(nothing_is_left)
        newest = await stage.submit(20)
        await until(lambda: set(newest) <= set(done))


async def test_two_with_one_name_throw_each_other_out_and_lose_nothing(stage: KafkaStage) -> None:
    """A fault of whoever named them: slow, and whole."""
    one, other = stage.feed(name="same"), stage.feed(name="same")
    async with working(one) as first, working(other) as second:
        expected = await stage.submit(100)
        await until(lambda: set(first) | set(second) == set(expected))


async def test_a_record_that_the_client_cannot_read_is_passed_by(narrow_stage: KafkaStage) -> None:
    before = await narrow_stage.submit(5)
    await narrow_stage.send_spoilt()
    after = await narrow_stage.submit(5)
    feed = narrow_stage.feed()
    async with working(feed) as done:
        await until(lambda: set(done) == {*before, *after})
    assert feed.figures.dead_letters == 1
    (letter,) = await narrow_stage.dead_letters()
    assert letter.message.value is None
    assert letter.origin == f"{narrow_stage.settings.topic}/0/15"
    assert "its bytes cannot be read (UnicodeDecodeError" in letter.error
    assert letter.left_out
