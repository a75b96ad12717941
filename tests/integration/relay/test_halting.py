"""What Kafka refuses halts the relay, and tells operators; it goes on from there once that is mended, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, get_args
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.kafka.connection import client_options
from infra.kafka.errors import KafkaRefused, Reason
from infra.kafka.producer import Message
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from tests.integration.relay.published import as_taken_in, public_versions, versions_by_key
from tests.integration.relay.stage import QUICK, Stage, Stored, lives

REFUSALS: tuple[Reason, ...] = get_args(Reason)


class Refuses:
    """In the place of Kafka: refuses what is behind a position, until it is mended."""

    def __init__(self, refused: KafkaRefused, after: int) -> None:
        self.refused: KafkaRefused | None = refused
        self.after = after
        self.taken: list[int] = []
        self.attempts = 0

    async def publish(self, page: Sequence[Message], seconds: float) -> None:
        assert seconds > 0
        positions = [int(dict(message.headers)["position"]) for message in page]
        if self.refused is not None and max(positions) > self.after:
            self.attempts += 1
            raise self.refused
        self.taken += positions


async def halted_for(stage: Stage, why: str) -> None:
    async def halted() -> bool:
        return why in (await stage.halted() or "")

    await stage.until(halted)


async def going_on(stage: Stage) -> None:
    async def not_halted() -> bool:
        return await stage.halted() is None

    await stage.until(not_halted)


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_refusal_halts_until_it_is_mended(stage: Stage, reason: Reason) -> None:
    await stage.store(lives(3))
    stood = await stage.head()
    kafka = Refuses(KafkaRefused(reason, f"Kafka says {reason}"), after=stood)
    async with stage.relaying(kafka):
        await stage.at_the_head()
        await stage.store(lives(3))
        await halted_for(stage, f"Kafka says {reason}")
        assert await stage.position() == stood
        attempts = kafka.attempts

        async def tried_again() -> bool:
            return kafka.attempts > attempts + 1

        await stage.until(tried_again)
        assert stage.figures.faults[reason] >= 2
        kafka.refused = None
        await stage.at_the_head()
        await going_on(stage)
    assert kafka.taken == sorted(set(kafka.taken))


async def test_a_relay_that_takes_over_a_halted_one_goes_on(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Refuses(KafkaRefused("too_large", "too large"), after=0)
    async with stage.relaying(kafka):
        await halted_for(stage, "too large")
    kafka.refused = None
    async with stage.relaying(kafka):
        await stage.at_the_head()
        await going_on(stage)


async def test_a_topic_that_cannot_be_made_halts_it_also_with_nothing_to_send(stage: Stage) -> None:
    stage.kafka = replace(stage.kafka, replication=3)
    async with stage.relaying():
        await halted_for(stage, "cannot have 3 copies")
        stage.kafka = replace(stage.kafka, replication=1)
        await going_on(stage)


async def test_an_event_that_cannot_be_made_public_halts_it(stage: Stage) -> None:
    first = lives(3)
    await stage.store([*first, Stored(uuid4(), 1, "order.issued.v1", b'{"metadata":{}}')])
    async with stage.relaying(Refuses(KafkaRefused("refused", ""), after=10_000)):
        await halted_for(stage, f"the event at position {len(first) + 1} cannot be read")
        assert await stage.position() == 0


async def test_a_message_too_large_for_the_topic_halts_it_and_none_of_its_order_passes_it(stage: Stage) -> None:
    kafka = stage.kafka
    limit = {"max.message.bytes": "1800"}
    await administered(kafka, lambda admin: admin.create_topics([NewTopic(kafka.topic, 12, 1, topic_configs=limit)]))
    events = lives(30)
    large = events[0].state.replace(b"PARTNER-ORDER-2026-00042", b"L" * 2000)
    events[40] = events[40]._replace(state=large, topic="order.submitted.v1")
    assert events[40].version > 1
    before = [event for event in events[:40] if event.stream == events[40].stream]
    await stage.store(events)
    async with stage.relaying():
        await halted_for(stage, f"the message with key {events[40].stream}")
        assert await stage.position() == 0
        found = as_taken_in(await versions_by_key(kafka))[str(events[40].stream)]
        assert found == public_versions(before)[str(events[40].stream)]
        larger = ConfigResource(ConfigResourceType.TOPIC, kafka.topic, configs={"max.message.bytes": "1000000"})
        await administered(kafka, lambda admin: admin.alter_configs([larger]))
        await stage.at_the_head()
        await going_on(stage)
    assert as_taken_in(await versions_by_key(kafka)) == public_versions(events)


async def test_a_topic_that_is_gone_halts_it_and_what_follows_goes_to_the_new_one(stage: Stage) -> None:
    first, second = lives(20), lives(20)
    async with stage.relaying(pace=replace(QUICK, publish=1.0)):
        await stage.store(first)
        await stage.at_the_head()
        stood = await stage.position()
        await administered(stage.kafka, lambda admin: admin.delete_topics([stage.kafka.topic]))
        await stage.store(second)
        await halted_for(stage, f"the topic {stage.kafka.topic} is gone")
        assert await stage.position() == stood
        await ensure_topic(stage.kafka)
        await stage.at_the_head()
        await going_on(stage)
    assert as_taken_in(await versions_by_key(stage.kafka)) == public_versions(second)


async def administered(kafka: KafkaSettings, work: Callable[[Any], Awaitable[object]]) -> None:
    """As an operator's tool does it."""
    admin = AIOKafkaAdminClient(**client_options(kafka, "tests-admin"))
    await admin.start()
    try:
        async with asyncio.timeout(30):
            await work(admin)
    finally:
        await admin.close()
