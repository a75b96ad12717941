"""A database and a topic of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.kafka.settings import KafkaSettings
from infra.postgres.connections import Pool, open_pool
from infra.postgres.reads import READ_SETTINGS
from tests.integration.relay.stage import Stage


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    opened = await open_pool(dsn, application_name="tests relay", min_size=1, max_size=4, settings=READ_SETTINGS)
    yield opened
    await opened.close()


@pytest.fixture
def stage(pool: Pool, kafka_settings: KafkaSettings) -> Stage:
    """On the shared broker; the topic is not made yet."""
    return Stage(pool, kafka_settings)
