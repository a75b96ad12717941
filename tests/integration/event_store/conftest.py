"""Databases and servers for the tests of the event store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.event_store import group_commit
from infra.event_store.append import Append
from infra.event_store.append_call import EncodedBatch, send
from infra.event_store.outcomes import Outcome
from infra.postgres.connections import Connection, connect


@pytest.fixture(params=["dsn", "dsn16"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """A database on the newest version of PostgreSQL, and on the oldest that we support."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


@pytest.fixture
async def connection(any_dsn: str) -> AsyncIterator[Connection]:
    """A session in such a database, as a writer has it."""
    async with await connect(any_dsn, application_name="test", for_writing=True) as connection:
        yield connection


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Append, ...]]:
    """The commands of each call that is made to the database."""
    seen: list[tuple[Append, ...]] = []

    async def seen_and_sent(connection: Connection, batch: EncodedBatch) -> list[Outcome]:
        seen.append(batch.commands)
        return await send(connection, batch)

    monkeypatch.setattr(group_commit, "send", seen_and_sent)
    return seen
