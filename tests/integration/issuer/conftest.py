from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.shop import Shop, opened, stocked
from tests.integration.issuer.venue import VENUE


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """A shop whose places are limited; the issuer rests until a test starts it."""
    async with stocked(dsn) as running:
        await running.publish(VENUE)
        yield running


@pytest.fixture
async def other(dsn: str, shop: Shop) -> AsyncIterator[Shop]:
    """A second instance over the same database, for the same partner."""
    async with opened(dsn) as running:
        running.partner_id, running.key = shop.partner_id, shop.key
        yield running
