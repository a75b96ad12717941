"""What waits for pick-up where partitions have no single position: counted by what the log says was picked up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.event_store.append import Append, NewEvent
from infra.event_store.group_commit import GroupCommit
from infra.event_store.outcomes import Appended
from infra.postgres.connections import connect, open_pool
from infra.postgres.reads import READ_SETTINGS, Reads
from projections import pickup_backlog
from projections.pickup_backlog import PickUpBacklog

SUBMISSIONS = ("order.submitted.v1", "order.replaced.v1", "order.reprocessed.v1")

_DUE = """
insert into orders (order_id, partner_id, sell_to_order_reference, buy_from_order_reference, received_at, status,
    removed, version, row_version, submitted_at, due_at, summary, document)
select id, id, '', id::text, now(), 'Submitted', false, 1, 1, now(), now() - make_interval(secs => %s), '', ''
from gen_random_uuid() as id returning 1
"""


class Log:
    """And the read model, as it was folded up to some position."""

    def __init__(self, reads: Reads, group_commit: GroupCommit) -> None:
        self.reads = reads
        self._group_commit = group_commit

    async def store(self, *topics: str) -> int:
        """The position of the last one."""
        outcome = await self._group_commit.append(
            Append(uuid4(), [NewEvent(uuid4(), 1, topic, b"{}") for topic in topics])
        )
        assert isinstance(outcome, Appended)
        assert outcome.first is not None
        return outcome.first + len(topics) - 1

    async def folded(self, position: int, ages: list[float]) -> None:
        await self.reads.rows(
            "insert into consumer_positions (name, position) values ('orders', %s) returning 1", (position,)
        )
        for age in ages:
            await self.reads.rows(_DUE, (age,))


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


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_submission_waits_until_an_order_is_scheduled(log: Log) -> None:
    backlog = PickUpBacklog(log.reads)
    assert await backlog.look() == (0, 0, 0.0)
    await log.store(*SUBMISSIONS, "reference.reserved.v1", "order.issued.v1")
    seen = await backlog.look()
    assert seen[:2] == (3, 0)
    assert 0 <= seen.oldest_seconds < 60
    await log.store("order.scheduled.v1", "order.processing.v1")
    assert (await backlog.look())[:2] == (2, 1)
    await log.store("order.scheduled.v1", "order.scheduled.v1")
    assert await backlog.look() == (0, 3, 0.0)


async def test_the_oldest_is_as_old_as_the_look_that_found_it(log: Log) -> None:
    clock = Clock()
    backlog = PickUpBacklog(log.reads, clock=clock)
    await backlog.look()
    for _ in range(3):
        await log.store(SUBMISSIONS[0], SUBMISSIONS[0])
        await backlog.look()
        clock.now += 10
    oldest = [(await backlog.look()).oldest_seconds]
    for _ in range(3):
        await log.store("order.scheduled.v1", "order.scheduled.v1")
        oldest.append((await backlog.look()).oldest_seconds)
    assert [pytest.approx(seconds, abs=5) for seconds in oldest] == [30, 20, 10, 0]
    assert oldest[-1] == 0.0


async def test_what_the_read_model_does_not_know_yet_is_counted_on_from_there(log: Log) -> None:
    last = await log.store("order.submitted.v1", "order.submitted.v1", "order.submitted.v1")
    await log.folded(last, [30.0, 20.0, 10.0])
    await log.store("order.scheduled.v1", "order.submitted.v1")
    clock = Clock()
    backlog = PickUpBacklog(log.reads, clock=clock)
    seen = await backlog.look()
    assert seen[:2] == (3, 1)
    assert seen.oldest_seconds == pytest.approx(20, abs=5)
    await log.store("order.scheduled.v1")
    assert (await backlog.look()).oldest_seconds == pytest.approx(10, abs=5)
    await log.store("order.scheduled.v1")
    assert (await backlog.look()).oldest_seconds == pytest.approx(0, abs=5)


async def test_a_long_stretch_is_counted_look_by_look(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup_backlog, "STRETCH", 4)
    for _ in range(5):
        await log.store(*SUBMISSIONS)
    backlog = PickUpBacklog(log.reads)
    assert [(await backlog.look()).waiting for _ in range(5)] == [4, 8, 12, 15, 15]
