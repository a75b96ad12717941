"""The role: one process relays at a time, others stand by and take over within the lease."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.producer import TopicProducer
from infra.kafka.topic import ensure_topic
from infra.postgres.leases import Lease
from services.relay.figures import RelayFigures
from services.relay.public_log import PublicLog
from services.relay.relay import CONSUMER, Relay
from services.relay.traced import TracedProducer
from services.settings import SettingError

if TYPE_CHECKING:
    from infra.kafka.settings import KafkaSettings
    from services.bootstrap import Platform

LEASE_SECONDS = 5.0
STOP_SECONDS = 2.0
TOPIC_SECONDS = 5.0

log = structlog.get_logger()


@asynccontextmanager
async def relay_role(platform: Platform) -> AsyncIterator[None]:
    """Relays until left; the page under way is stored first. Raises SettingError for a topic that does not fit.

    Whatever else Kafka refuses, or if it is away, is no reason not to start: orders are taken and settled without it.
    """
    kafka = platform.settings.kafka
    assert kafka is not None  # noqa: S101 - the settings refuse the role without it
    await _ready_topic(kafka)
    figures = RelayFigures()
    lease = Lease(platform.pool, CONSUMER, platform.owner, LEASE_SECONDS)
    producer = TopicProducer(kafka, f"{platform.settings.instance}-relay")

    async def venue_id() -> UUID | None:
        if platform.directory.venue_id is None:
            await platform.directory.refresh()
        return platform.directory.venue_id

    relay = Relay(
        log=PublicLog(platform.reads),
        producer=producer if platform.traces is None else TracedProducer(producer, platform.traces, kafka.topic),
        pool=platform.pool,
        prepare=lambda: ensure_topic(kafka),
        held=lambda: lease.held,
        figures=figures,
        epoch=platform.epoch,
        venue_id=venue_id,
    )
    woken = platform.listener.subscribe("submitted", "settled", "other")
    relaying = platform.tasks.run("relay", lambda: lease.hold(lambda: relay.run(woken)))
    try:
        with platform.telemetry.shown(figures.families):
            yield
    finally:
        await relay.finish(STOP_SECONDS)
        await platform.tasks.end(relaying)
        platform.listener.unsubscribe(woken)
        await producer.close()


async def _ready_topic(kafka: KafkaSettings) -> None:
    """Before anything is sent: an operator who starts with settings that do not fit is told so at once."""
    try:
        await ensure_topic(kafka, seconds=TOPIC_SECONDS)
    except KafkaRefused as refused:
        if refused.reason == "topic_unfit":
            raise SettingError(str(refused)) from refused
        log.error("topic_not_ready", reason=refused.reason, error=str(refused))
    except KafkaUnavailable as error:
        log.warning("topic_not_ready", error=str(error))
