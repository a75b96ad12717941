"""A pool on the test's database, and endpoints on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.postgres.connections import Connection, Pool, open_pool
from tests.integration.webhooks.receiver import Receiver


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    opened = await open_pool(dsn, application_name="test", min_size=1, max_size=8)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as connection:
        yield connection


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def other_receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running
