"""What is on a topic, as a plain consumer without a group reads it; topics made and lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete

from infra.kafka.connection import client_options
from infra.kafka.errors import KafkaUnavailable
from infra.kafka.group_figures import GroupFigures, group_figures
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic, find_topic

_SECONDS = 60.0


async def read_topic(settings: KafkaSettings, topic: str | None = None) -> list[Any]:
    """All records up to the present end, as aiokafka's ConsumerRecord, each partition in its order."""
    consumer = AIOKafkaConsumer(
        **client_options(settings, "tests-reader"), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(_SECONDS):
            name = topic or settings.topic
            await consumer._client._wait_on_metadata(name)
            partitions = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            records: list[Any] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for found in (await consumer.getmany(timeout_ms=200, max_records=100)).values():
                    records += [
                        record for record in found if record.offset < ends[TopicPartition(name, record.partition)]
                    ]
        return sorted(records, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


async def figures_of(settings: KafkaSettings) -> GroupFigures:
    """Of the group and the dead letters; also of a topic that was made a moment ago."""
    async with asyncio.timeout(_SECONDS):
        while True:
            try:
                return await group_figures(settings, _SECONDS)
            except KafkaUnavailable:
                await asyncio.sleep(0.05)


async def make_topic(settings: KafkaSettings, config: Mapping[str, str]) -> None:
    """The topic as an operator would make it, e.g. with {"max.message.bytes": "2000"}."""
    async with _admin(settings) as admin:
        topic = NewTopic(settings.topic, settings.partitions, -1, replica_assignments={}, topic_configs=dict(config))
        await admin.create_topics([topic])
    await ensure_topic(settings)


async def add_partitions(settings: KafkaSettings, partitions: int) -> None:
    """So that the topic has so many."""
    async with _admin(settings) as admin:
        await admin.create_partitions({settings.topic: NewPartitions(partitions)})
    async with asyncio.timeout(_SECONDS):
        while (topic := await find_topic(settings)) is None or topic.partitions != partitions:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def truncate_topic(settings: KafkaSettings, partition: int, before: int) -> None:
    """As retention does: what stands before this offset is gone."""
    async with _admin(settings) as admin:
        place = TopicPartition(settings.topic, partition)
        await admin.delete_records({place: RecordsToDelete(before)})


async def delete_topic(settings: KafkaSettings, topic: str | None = None) -> None:
    """Returns when it is gone, with all that was on it."""
    async with _admin(settings) as admin, asyncio.timeout(_SECONDS):
        await admin.delete_topics([topic or settings.topic])
        while await find_topic(settings, name=topic) is not None:  # noqa: ASYNC110 - the broker gives no sign
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**client_options(settings, "tests-admin"))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
