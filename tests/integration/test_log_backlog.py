"""What waits for pick-up, counted from the log: on and on, whatever the read model knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.event_store.append import Append, NewEvent
from infra.event_store.group_commit import GroupCommit
from infra.event_store.outcomes import Appended
from infra.feeds import log_backlog
from infra.feeds.log_backlog import LogBacklog
from infra.postgres.connections import connect, open_pool
from infra.postgres.reads import READ_SETTINGS, Reads

SUBMISSIONS = ("order.submitted.v1", "order.replaced.v1", "order.reprocessed.v1")
OTHERS = ("reference.reserved.v1", "order.scheduled.v1", "order.issued.v1")


class Log:
    def __init__(self, reads: Reads, group_commit: GroupCommit) -> None:
        self.reads = reads
        self._group_commit = group_commit

    async def store(self, *topics: str) -> int:
        """The position of the last one."""
        events = [NewEvent(uuid4(), 1, topic, b"{}") for topic in topics]
        outcome = await self._group_commit.append(Append(uuid4(), events))
        assert isinstance(outcome, Appended)
        assert outcome.first is not None
        return outcome.first + len(topics) - 1

    async def passed(self, position: int) -> None:
        """The saga's feed stands there."""
        await self.reads.rows(
            "insert into consumer_positions (name, position) values ('issuer', %s)"
            " on conflict (name) do update set position = excluded.position returning 1",
            (position,),
        )


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    pool = await open_pool(dsn, application_name="test", min_size=1, max_size=2, settings=READ_SETTINGS)
    group_commit = GroupCommit(lambda: connect(dsn, application_name="test", for_writing=True))
    await group_commit.start()
    try:
        yield Log(Reads(pool), group_commit)
    finally:
        await group_commit.stop()
        await pool.close()


async def test_submissions_wait_from_when_they_are_stored_until_they_are_passed(log: Log) -> None:
    backlog = LogBacklog(log.reads)
    assert await backlog.look() == (0, 0, 0.0)
    await log.store(*OTHERS)
    assert await backlog.look() == (0, 0, 0.0)
    first = await log.store(*OTHERS, SUBMISSIONS[0])
    last = await log.store(*SUBMISSIONS, *OTHERS)
    seen = await backlog.look()
    assert seen[:2] == (4, 0)
    assert 0 < seen.oldest_seconds < 60
    assert (await backlog.look()).oldest_seconds > seen.oldest_seconds
    await log.passed(first)
    assert (await backlog.look())[:2] == (3, 1)
    await log.passed(last)
    assert await backlog.look() == (0, 4, 0.0)
    await log.passed(await log.store(*SUBMISSIONS))
    assert await backlog.look() == (0, 7, 0.0)


async def test_a_backlog_that_was_there_before_is_counted_too(log: Log) -> None:
    await log.passed(await log.store(*SUBMISSIONS, *OTHERS))
    await log.store(*SUBMISSIONS)
    assert (await LogBacklog(log.reads).look())[:2] == (3, 0)


async def test_a_long_one_is_counted_look_by_look(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_backlog, "STRETCH", 4)
    for _ in range(5):
        await log.store(*SUBMISSIONS)
    backlog = LogBacklog(log.reads)
    assert [(await backlog.look()).waiting for _ in range(5)] == [4, 8, 12, 15, 15]
    await log.passed(15)
    assert await backlog.look() == (0, 15, 0.0)


async def test_a_feed_ahead_of_the_count_is_no_backlog(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_backlog, "STRETCH", 4)
    backlog = LogBacklog(log.reads)
    await backlog.look()
    await log.passed(await log.store(*SUBMISSIONS, *SUBMISSIONS, *SUBMISSIONS))
    for _ in range(3):
        assert (await backlog.look()).waiting == 0
    await log.store(*SUBMISSIONS)
    assert (await backlog.look()).waiting == 3


async def test_what_the_server_forgot_to_have_passed_waits_again(log: Log) -> None:
    backlog = LogBacklog(log.reads)
    await log.passed(await log.store(*SUBMISSIONS))
    assert (await backlog.look()).waiting == 0
    await log.store(*SUBMISSIONS)
    await log.passed(5)
    assert (await backlog.look()).waiting == 1
    await log.passed(3)
    assert (await backlog.look()).waiting == 3
