"""Pages arrive whole and in order, whatever happens to the broker; what it refuses for good is told apart."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.producer import Message, TopicProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from tests.brokers import Broker, kafka_settings_of
from tests.kafka_records import delete_topic, make_topic, read_topic

LONG = 60.0


@asynccontextmanager
async def producing(settings: KafkaSettings) -> AsyncIterator[TopicProducer]:
    producer = TopicProducer(settings, "tests-producer")
    try:
        yield producer
    finally:
        await producer.close()


def page(first: int, last: int, *, size: int = 100) -> list[Message]:
    """The messages `first` to `last` of 50 orders that take turns; a message's number is its header."""
    return [
        Message(b"order-%d" % (number % 50), b"x" * size, [("number", b"%d" % number)])
        for number in range(first, last + 1)
    ]


async def numbers_by_key(settings: KafkaSettings) -> dict[bytes, list[int]]:
    """As they lie on the topic."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for record in await read_topic(settings):
        found[record.key].append(int(dict(record.headers)["number"]))
    return dict(found)


def without_repeats(numbers: list[int]) -> list[int]:
    """As a consumer takes them in: nothing that is not above what it has seen."""
    taken: list[int] = []
    for number in numbers:
        if not taken or number > taken[-1]:
            taken.append(number)
    return taken


async def test_a_page_is_on_the_topic_when_publish_returns(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        await producer.publish(page(1, 1000), LONG)
        found = await numbers_by_key(kafka_topic)
        assert found == {b"order-%d" % key: [n for n in range(1, 1001) if n % 50 == key] for key in range(50)}
        await producer.publish(page(1001, 1200), LONG)
        assert sum(len(numbers) for numbers in (await numbers_by_key(kafka_topic)).values()) == 1200


async def test_a_message_arrives_as_it_was_sent(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        await producer.publish([Message(b"key", b"value", [("ce_id", b"1:2"), ("position", b"7")])], LONG)
    (record,) = await read_topic(kafka_topic)
    assert (record.key, record.value, record.headers) == (b"key", b"value", (("ce_id", b"1:2"), ("position", b"7")))


async def test_a_part_larger_than_a_batch_keeps_its_order(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        messages = [Message(b"one", b"x" * 5000, [("number", b"%d" % number)]) for number in range(300)]
        await producer.publish(messages, LONG)
    assert await numbers_by_key(kafka_topic) == {b"one": list(range(300))}


async def test_a_broker_killed_in_the_middle_of_a_page_passes(kafka_to_kill: Broker) -> None:
    broker, settings = kafka_to_kill, kafka_settings_of(kafka_to_kill)
    await ensure_topic(settings)
    async with producing(settings) as producer:
        await producer.publish(page(1, 500), LONG)
        publishing = asyncio.create_task(producer.publish(page(501, 6000, size=1000), 3.0))
        await asyncio.to_thread(broker.kill)
        with pytest.raises(KafkaUnavailable):
            await publishing
        with pytest.raises(KafkaUnavailable):
            await producer.publish(page(501, 6000, size=1000), 0.5)
        await asyncio.to_thread(broker.start)
        await producer.publish(page(501, 6000, size=1000), LONG)
        found = await numbers_by_key(settings)
        assert {key: without_repeats(numbers) for key, numbers in found.items()} == {
            b"order-%d" % key: [number for number in range(1, 6001) if number % 50 == key] for key in range(50)
        }


async def test_a_broker_that_comes_back_in_time_is_not_noticed(kafka_to_kill: Broker) -> None:
    broker, settings = kafka_to_kill, kafka_settings_of(kafka_to_kill)
    await ensure_topic(settings)
    async with producing(settings) as producer:
        await producer.publish(page(1, 50), LONG)
        await asyncio.to_thread(broker.kill)
        publishing = asyncio.create_task(producer.publish(page(51, 3000), LONG))
        await asyncio.to_thread(broker.start)
        await publishing
        # Idempotent: not one is there twice.
        found = await numbers_by_key(settings)
        assert sorted(number for numbers in found.values() for number in numbers) == list(range(1, 3001))


async def test_a_page_given_up_is_not_sent_later(kafka_to_kill: Broker) -> None:
    broker, settings = kafka_to_kill, kafka_settings_of(kafka_to_kill)
    await ensure_topic(settings)
    async with producing(settings) as producer:
        await producer.publish(page(1, 50), LONG)
        await asyncio.to_thread(broker.kill)
        with pytest.raises(KafkaUnavailable):
            await producer.publish(page(51, 100), 0.5)
        await asyncio.to_thread(broker.start)
        await producer.publish(page(101, 150), LONG)
        found = await numbers_by_key(settings)
        assert sorted(number for numbers in found.values() for number in numbers) == [*range(1, 51), *range(101, 151)]


async def test_a_frozen_broker_passes(kafka_to_kill: Broker) -> None:
    settings = kafka_settings_of(kafka_to_kill)
    await ensure_topic(settings)
    async with producing(settings) as producer:
        await producer.publish(page(1, 50), LONG)
        await asyncio.to_thread(kafka_to_kill.pause)
        for _ in range(2):
            with pytest.raises(KafkaUnavailable):
                await producer.publish(page(51, 100), 0.5)
        await asyncio.to_thread(kafka_to_kill.resume)
        await producer.publish(page(51, 100), LONG)
    found = await numbers_by_key(settings)
    assert {key: without_repeats(numbers) for key, numbers in found.items()} == {
        b"order-%d" % key: [number for number in range(1, 101) if number % 50 == key] for key in range(50)
    }


async def test_a_page_may_be_cancelled(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        publishing = asyncio.create_task(producer.publish(page(1, 1000), LONG))
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        await producer.publish(page(1001, 1050), LONG)
        assert {1001, 1050} <= {
            number for numbers in (await numbers_by_key(kafka_topic)).values() for number in numbers
        }


# A broker that knows nothing of a producer yet takes any number as its first.
@pytest.mark.parametrize("before", [0, 100])
async def test_a_message_too_large_is_refused_and_nothing_of_its_order_passes_it(
    kafka_topic: KafkaSettings, before: int
) -> None:
    large = Message(b"order-7", b"x" * 2_000_000, [("number", b"%d" % before)])
    async with producing(kafka_topic) as producer:
        with pytest.raises(KafkaRefused, match=r"key order-7 .* max.message.bytes") as refused:
            await producer.publish([*page(1, before), large, *page(before + 1, 300)], LONG)
        assert refused.value.reason == "too_large"
        assert max((await numbers_by_key(kafka_topic)).get(b"order-7", [0])) <= before
        # Once it is mended, it goes on from there.
        await producer.publish(page(1, 300), LONG)
    found = await numbers_by_key(kafka_topic)
    assert without_repeats(found[b"order-7"]) == [number for number in range(1, 301) if number % 50 == 7]


async def test_small_messages_that_are_too_large_together_arrive(kafka_settings: KafkaSettings) -> None:
    settings = kafka_settings
    await make_topic(settings, {"max.message.bytes": "2000"})
    async with producing(settings) as producer:
        await producer.publish(page(1, 200, size=1000), LONG)
        found = await numbers_by_key(settings)
    assert {key: without_repeats(numbers) for key, numbers in found.items()} == {
        b"order-%d" % key: [number for number in range(1, 201) if number % 50 == key] for key in range(50)
    }


async def test_a_topic_that_is_not_there_is_refused(kafka_settings: KafkaSettings) -> None:
    async with producing(kafka_settings) as producer:
        with pytest.raises(KafkaRefused, match="is gone") as refused:
            await producer.publish(page(1, 10), 2.0)
        assert refused.value.reason == "topic_gone"
        await ensure_topic(kafka_settings)
        await producer.publish(page(1, 10), LONG)
    assert len(await read_topic(kafka_settings)) == 10


async def test_a_topic_that_is_deleted_is_refused_until_it_is_there_again(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        await producer.publish(page(1, 100), LONG)
        await delete_topic(kafka_topic)
        with pytest.raises(KafkaRefused, match="is gone") as refused:
            await producer.publish(page(101, 200), 2.0)
        assert refused.value.reason == "topic_gone"
        await ensure_topic(kafka_topic)
        await producer.publish(page(101, 200), LONG)
    found = await numbers_by_key(kafka_topic)
    assert sorted(number for numbers in found.values() for number in numbers) == list(range(101, 201))


async def test_a_topic_made_again_with_too_few_partitions_is_refused(kafka_topic: KafkaSettings) -> None:
    async with producing(kafka_topic) as producer:
        await producer.publish(page(1, 100), LONG)
        await delete_topic(kafka_topic)
        await ensure_topic(replace(kafka_topic, partitions=2))
        for _ in range(2):  # with what the producer knew of the topic, and with what it learns
            with pytest.raises(KafkaRefused, match="2 partitions now and should have 12") as refused:
                await producer.publish(page(101, 200), 2.0)
            assert refused.value.reason == "topic_unfit"


async def test_a_broker_that_is_away_passes(unused_tcp_port: int) -> None:
    async with producing(KafkaSettings((f"127.0.0.1:{unused_tcp_port}",))) as producer:
        with pytest.raises(KafkaUnavailable):
            await producer.publish(page(1, 10), 5.0)
