"""Connections to Kafka: however early a client is stopped, none stays open."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from infra.feeds.kafka_figures import FeedFigures
from infra.feeds.kafka_member import Member
from infra.kafka.connection import connected
from infra.kafka.producer import Message, TopicProducer
from infra.kafka.settings import KafkaSettings

_MOMENTS = 40


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def _member(settings: KafkaSettings) -> None:
    member = Member(settings, "tests-cancelled", b"", FeedFigures(), name=None)
    try:
        await member.join()
        await _for_ever()
    finally:
        await member.leave(for_good=True)


async def _producer(settings: KafkaSettings) -> None:
    producer = TopicProducer(settings, "tests-cancelled")
    try:
        await producer.publish([Message(b"key", b"value", [])], 10.0)
        await _for_ever()
    finally:
        await producer.close()


async def _client(settings: KafkaSettings) -> None:
    async with connected(settings, "tests-cancelled", 10.0):
        await _for_ever()


@pytest.mark.parametrize("client", [_member, _producer, _client])
async def test_cancelled_at_any_moment_of_its_start(
    client: Callable[[KafkaSettings], Awaitable[None]], kafka_topic: KafkaSettings
) -> None:
    """A connection that the library forgets is told of by its own deletion, which the test run takes for an error."""
    for moment in range(_MOMENTS):
        task = asyncio.ensure_future(client(kafka_topic))
        await asyncio.sleep(moment * 0.0005)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    gc.collect()
