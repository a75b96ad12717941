"""Jobs to be destroyed, from the log to the issuer's acknowledgement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.issuance.issuer import IssuerAway
from infra.event_store.append import Append, NewEvent
from infra.event_store.group_commit import GroupCommit
from infra.postgres.connections import Pool, connect, open_pool
from services.issuer.voids import CONSUMER, Voids


@dataclass
class Destroyer:
    """An issuer that is only asked to destroy. `away`: jobs for which it is not there."""

    asked: list[UUID] = field(default_factory=list)
    away: set[UUID] = field(default_factory=set)

    async def issue(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is to be issued here")

    async def confirm(self, _job_id: UUID) -> None:
        raise AssertionError("nothing is to be confirmed here")

    async def void(self, job_id: UUID) -> None:
        self.asked.append(job_id)
        if job_id in self.away:
            raise IssuerAway


@dataclass
class Stage:
    pool: Pool
    group_commit: GroupCommit
    issuer: Destroyer = field(default_factory=Destroyer)

    def voids(self) -> Voids:
        return Voids(self.pool, self.issuer)

    async def request(self, *jobs: UUID) -> None:
        for job in jobs:
            state = json.dumps({"metadata": {}, "data": {"jobId": str(job)}}).encode()
            await self.store(NewEvent(uuid4(), 4, "order.void_requested.v1", state))

    async def store(self, event: NewEvent) -> None:
        await self.group_commit.append(Append(uuid4(), [event]))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode())
            return await cursor.fetchall()

    async def position(self) -> int | None:
        rows = await self.rows(f"select position from consumer_positions where name = '{CONSUMER}'")
        return rows[0][0] if rows else None


@pytest.fixture
async def stage(dsn: str) -> AsyncIterator[Stage]:
    pool = await open_pool(dsn, application_name="test", min_size=1, max_size=4)
    group_commit = GroupCommit(lambda: connect(dsn, application_name="test writer", for_writing=True))
    await group_commit.start()
    yield Stage(pool, group_commit)
    await group_commit.stop()
    await pool.close()


async def test_what_was_requested_is_asked_for_and_ended(stage: Stage) -> None:
    first, second = uuid4(), uuid4()
    await stage.request(first, second)
    voids = stage.voids()
    assert await voids.queue_requested() == 2
    assert await stage.position() == 2
    assert await voids.ask() == 2
    assert sorted(stage.issuer.asked) == sorted([first, second])
    assert await stage.rows("select job_id from void_jobs") == []
    assert (await voids.queue_requested(), await voids.ask()) == (0, 0)


async def test_the_position_goes_with_a_log_that_asks_for_nothing(stage: Stage) -> None:
    voids = stage.voids()
    assert await voids.queue_requested() == 0
    assert await stage.position() is None
    await stage.store(NewEvent(uuid4(), 1, "order.issued.v1", b"{}"))
    assert await voids.queue_requested() == 0
    assert await stage.position() == 1
    job = uuid4()
    await stage.request(job)
    assert await voids.queue_requested() == 1
    assert await stage.position() == 2


async def test_several_processes_queue_each_job_once(stage: Stage) -> None:
    jobs = [uuid4() for _ in range(20)]
    await stage.request(*jobs)
    queued = await asyncio.gather(*[stage.voids().queue_requested() for _ in range(4)])
    assert sorted(queued) == [0, 0, 0, 20]
    assert {job for (job,) in await stage.rows("select job_id from void_jobs")} == set(jobs)
    assert await stage.position() == 20


async def test_what_is_not_acknowledged_is_asked_for_again_later(stage: Stage) -> None:
    near, far = uuid4(), uuid4()
    stage.issuer.away = {far}
    await stage.request(near, far)
    voids = stage.voids()
    await voids.queue_requested()
    assert await voids.ask() == 2
    assert await stage.rows("select job_id, attempts, next_attempt_at > now() from void_jobs") == [(far, 1, True)]
    assert await voids.ask() == 0
    stage.issuer.away.clear()
    await stage.rows("update void_jobs set next_attempt_at = now() returning job_id")
    assert await voids.ask() == 1
    assert await stage.rows("select job_id from void_jobs") == []
