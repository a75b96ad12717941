"""Databases and servers for the tests of the event store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .own_server import OwnServer, running_own_server


@pytest.fixture(params=["dsn", "dsn16"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """A database on the newest version of PostgreSQL, and on the oldest that we support."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    with running_own_server() as own:
        yield own
