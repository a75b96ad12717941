from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.postgres.connections import connect
from infra.postgres.reads import READ_SETTINGS
from tests.integration.projections.counting import Counting
from tests.integration.projections.store import Store, opened_store


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Store]:
    async with opened_store(dsn) as store:
        yield store


@pytest.fixture
async def counting(dsn: str) -> AsyncIterator[Counting]:
    async with await connect(dsn, application_name="test", transaction_timeout=None) as connection:
        await connection.execute(
            "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as s(name, value)",
            (list(READ_SETTINGS), list(READ_SETTINGS.values())),
        )
        yield Counting(connection)
