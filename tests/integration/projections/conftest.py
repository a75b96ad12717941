from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.projections.store import Store, opened_store


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Store]:
    async with opened_store(dsn) as store:
        yield store
