"""The saga's feed on the log: the contract of every feed, and what is its own: one position in the whole log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.event_store.append import Append, NewEvent
from infra.event_store.group_commit import GroupCommit
from infra.event_store.outcomes import Appended
from infra.event_store.recorder import Recorder
from infra.feeds.log_feed import PAGE, LogFeed
from infra.feeds.signals import MAX_SIGNALS, FeedLost, OrderSignal
from infra.postgres.connections import Pool, connect, open_pool
from infra.postgres.listen import LogListener
from infra.postgres.positions import advance
from infra.postgres.reads import READ_SETTINGS, Reads
from tests.contract.feed_contract import FeedContract, FeedStage, handed

SUBMISSION_TOPICS = ("order.submitted.v1", "order.replaced.v1", "order.reprocessed.v1")


class LogStage(FeedStage):
    def __init__(self, pool: Pool, group_commit: GroupCommit, listener: LogListener) -> None:
        self._pool = pool
        self._group_commit = group_commit
        self._listener = listener
        self.recorder = Recorder(Reads(pool), group_commit)

    def feed(self) -> LogFeed:
        return LogFeed(self.recorder, self._pool, self._listener)

    async def submit(self, count: int) -> list[OrderSignal]:
        commands = []
        for turn in range(count):
            order_id = uuid4()
            commands.append(
                Append(
                    uuid4(),
                    [
                        NewEvent(uuid4(), 1, "reference.reserved.v1", b"{}"),
                        NewEvent(order_id, 1 + turn % 3, SUBMISSION_TOPICS[turn % 3], b"{}"),
                        NewEvent(uuid4(), 3, "order.scheduled.v1", b"{}"),
                    ],
                )
            )
        signals = []
        for command, outcome in zip(commands, await asyncio.gather(*map(self._append, commands)), strict=True):
            submission = command.events[1]
            signals.append(OrderSignal(submission.stream, submission.version, outcome + 1))
        return signals

    async def submit_again(self, earlier: OrderSignal) -> OrderSignal:
        version = earlier.version + 1
        event = NewEvent(earlier.order_id, version, "order.replaced.v1", b"{}")
        return OrderSignal(earlier.order_id, version, await self._append(Append(uuid4(), [event])))

    async def other_events(self, count: int) -> int:
        events = [NewEvent(uuid4(), 1, "order.issued.v1", b"{}") for _ in range(count)]
        return await self._append(Append(uuid4(), events)) + count - 1

    async def _append(self, command: Append) -> int:
        outcome = await self._group_commit.append(command)
        assert isinstance(outcome, Appended)
        assert outcome.first is not None
        return outcome.first

    async def taken_over(self) -> None:
        other = self.feed()
        await other.start()
        await other.commit(await other.next_batch())
        await other.stop()

    async def stored_position(self) -> int:
        rows = await Reads(self._pool).rows("select position from consumer_positions where name = 'issuer'")
        return int(rows[0][0])

    async def move_position(self, old: int, new: int) -> None:
        async with self._pool.connection() as connection:
            await advance(connection, "issuer", old, new)


@pytest.fixture
async def stage(dsn: str) -> AsyncIterator[LogStage]:
    pool = await open_pool(dsn, application_name="test", min_size=1, max_size=4, settings=READ_SETTINGS)
    group_commit = GroupCommit(lambda: connect(dsn, application_name="test writer", for_writing=True))
    await group_commit.start()
    async with LogListener(dsn, poll_seconds=0.1) as listener:
        yield LogStage(pool, group_commit, listener)
    await group_commit.stop()
    await pool.close()


class TestLogFeed(FeedContract):
    """The contract, on the log."""


async def test_submissions_come_in_the_order_of_the_log(stage: LogStage) -> None:
    expected = await stage.submit(5)
    feed = stage.feed()
    await feed.start()
    assert await handed(feed, 5) == expected
    await feed.stop()


async def test_the_position_stands_behind_the_last_signal_of_the_batch(stage: LogStage) -> None:
    signals = await stage.submit(2)
    last = await stage.other_events(5)
    feed = stage.feed()
    await feed.start()
    batch = await feed.next_batch()
    assert await stage.stored_position() == 0
    await feed.commit(batch)
    assert signals[-1].position <= await stage.stored_position() <= last
    await feed.stop()


async def test_a_batch_ends_at_its_bound_and_the_position_with_it(stage: LogStage) -> None:
    signals = await stage.submit(MAX_SIGNALS + 10)
    feed = stage.feed()
    await feed.start()
    batch = await feed.next_batch()
    assert list(batch.signals) == signals[:MAX_SIGNALS]
    await feed.commit(batch)
    assert await stage.stored_position() == signals[MAX_SIGNALS - 1].position
    assert await handed(feed, 10) == signals[MAX_SIGNALS:]
    await feed.stop()


async def test_where_nothing_is_to_be_done_the_position_goes_to_the_logs_end(stage: LogStage) -> None:
    """Else a restart would read again, page by page, what the saga itself has stored."""
    last = await stage.other_events(PAGE + 200)
    feed = stage.feed()
    await feed.start()
    waiting = asyncio.create_task(feed.next_batch())

    async with asyncio.timeout(30):
        while await stage.stored_position() != last:  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.005)
    assert feed.passed(uuid4(), last)
    (signal,) = await stage.submit(1)
    assert (await waiting).signals == (signal,)
    await feed.stop()


async def test_one_that_idles_learns_that_another_one_moved_on(stage: LogStage) -> None:
    last = await stage.other_events(3)
    feed = stage.feed()
    await feed.start()
    await stage.move_position(0, last)
    with pytest.raises(FeedLost):
        await feed.next_batch()
    await feed.start()
    assert feed.passed(uuid4(), last)
    (signal,) = await stage.submit(1)
    assert (await feed.next_batch()).signals == (signal,)
    await feed.stop()
