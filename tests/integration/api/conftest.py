"""Instances of the API on the test's database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.serving import Api, serving
from tests.integration.api.shop import Shop, stocked


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Api]:
    async with serving(dsn) as running:
        yield running


@pytest.fixture
async def other(dsn: str, api: Api) -> AsyncIterator[Api]:  # noqa: ARG001 - beside the first
    """A second instance over the same database."""
    async with serving(dsn) as running:
        yield running


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """An instance with a catalog and a partner; issuer and projector rest until a test starts them."""
    async with stocked(dsn) as running:
        yield running
