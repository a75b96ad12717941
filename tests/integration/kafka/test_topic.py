"""The topic is made as the settings have it, or checked against them; by a real broker."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic, find_topic


async def test_a_topic_that_is_not_there_is_made(kafka_settings: KafkaSettings) -> None:
    assert await find_topic(kafka_settings) is None
    made = await ensure_topic(kafka_settings)
    assert (made.partitions, made.replication, made.has_leaders) == (12, 1, True)
    assert await find_topic(kafka_settings) == made


async def test_a_topic_that_is_there_is_kept(kafka_settings: KafkaSettings) -> None:
    made = await ensure_topic(kafka_settings)
    assert await ensure_topic(kafka_settings) == made


async def test_several_may_make_it_at_once(kafka_settings: KafkaSettings) -> None:
    topics = await asyncio.gather(*(ensure_topic(kafka_settings) for _ in range(4)))
    assert [topic.partitions for topic in topics] == [12] * 4


async def test_too_few_partitions_are_refused(kafka_settings: KafkaSettings) -> None:
    await ensure_topic(replace(kafka_settings, partitions=3))
    with pytest.raises(KafkaRefused, match=r"has 3 partitions and should have 12.*OTA_CM_KAFKA_PARTITIONS") as refused:
        await ensure_topic(kafka_settings)
    assert refused.value.reason == "topic_unfit"


async def test_more_partitions_than_set_are_kept(kafka_settings: KafkaSettings) -> None:
    await ensure_topic(kafka_settings)
    assert (await ensure_topic(replace(kafka_settings, partitions=3))).partitions == 12


async def test_fewer_copies_than_set_are_refused(kafka_settings: KafkaSettings) -> None:
    await ensure_topic(kafka_settings)
    with pytest.raises(KafkaRefused, match=r"has 1 copies and should have 3.*OTA_CM_KAFKA_REPLICATION") as refused:
        await ensure_topic(replace(kafka_settings, replication=3))
    assert refused.value.reason == "topic_unfit"


async def test_more_copies_than_brokers_cannot_be_made(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(KafkaRefused, match="cannot have 3 copies") as refused:
        await ensure_topic(replace(kafka_settings, replication=3))
    assert refused.value.reason == "topic_unfit"
    assert await find_topic(kafka_settings) is None


async def test_a_name_that_kafka_does_not_take_is_refused(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(KafkaRefused) as refused:
        await ensure_topic(replace(kafka_settings, topic="not a name"))
    assert refused.value.reason == "topic_unfit"


async def test_a_broker_that_is_away_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(KafkaUnavailable):
        await ensure_topic(KafkaSettings((f"127.0.0.1:{unused_tcp_port}",)))
