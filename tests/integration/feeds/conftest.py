"""A topic and a group of the test's own, on the shared broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from infra.kafka.settings import KafkaSettings
from infra.postgres.connections import Pool, open_pool
from infra.postgres.reads import READ_SETTINGS
from tests.integration.feeds.stage import KafkaStage


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    opened = await open_pool(dsn, application_name="tests feed", min_size=1, max_size=4, settings=READ_SETTINGS)
    yield opened
    await opened.close()


@pytest.fixture
async def narrow_stage(pool: Pool, kafka_settings: KafkaSettings) -> AsyncIterator[KafkaStage]:
    """With a topic of one partition."""
    made = KafkaStage(replace(kafka_settings, partitions=1), pool)
    yield made
    await made.close()


@pytest.fixture
async def stage(pool: Pool, kafka_settings: KafkaSettings) -> AsyncIterator[KafkaStage]:
    made = KafkaStage(kafka_settings, pool)
    yield made
    await made.close()
