"""A service to scrape."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.shop import Shop, stocked

WEBHOOKS = {
    "OTA_CM_WEBHOOK_ALLOW_HTTP": "true",
    "OTA_CM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    "OTA_CM_WEBHOOK_RETRY_SECONDS": "0.02,0.02",
}


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """With a catalog and a partner; the other roles rest until a test starts them."""
    async with stocked(dsn, **WEBHOOKS) as running:
        yield running
