"""Several processes write to one log: who reads it at its end sees every event exactly once and in order, without gaps.

Also when a transaction that began earlier commits later, when a writer is held up in its call, and when the
eventsourcing library's own recorder writes at the same time.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from infra.event_store.append_call import encode, send
from infra.event_store.group_commit import GroupCommit
from infra.event_store.recorder import LogPlace, Recorder
from infra.feeds.log_feed import LogFeed
from infra.feeds.signals import OrderSignal
from infra.postgres.connections import Connection, connect, open_pool
from infra.postgres.listen import LogListener
from infra.postgres.reads import Reads
from tests.own_server import OwnServer

from .saving import command, event, rows, session, until, value

Start = Callable[[str, str], subprocess.Popen[str]]


@pytest.fixture
def start_writer() -> Iterator[Start]:
    """Starts processes that write, and ends what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, dsn: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.integration.event_store.writer_process", kind, dsn],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Tail:
    """Reads a log at its end in three ways: whole, without contents, and as the saga's feed."""

    def __init__(self, recorder: Recorder, feed: LogFeed) -> None:
        self._recorder = recorder
        self._feed = feed
        self.by_page: list[LogPlace] = []
        self.by_places: list[LogPlace] = []
        self.signals: list[OrderSignal] = []

    async def pages(self) -> None:
        while True:
            page = await self._recorder.page(len(self.by_page), 100)
            self.by_page += [LogPlace(row.stream, row.position, row.version, row.topic) for row in page]
            _assert_follows(self.by_page, len(page))
            await asyncio.sleep(0 if page else 0.002)

    async def places(self) -> None:
        while True:
            page = await self._recorder.places(len(self.by_places), 100)
            self.by_places += page
            _assert_follows(self.by_places, len(page))
            await asyncio.sleep(0 if page else 0.002)

    async def batches(self) -> None:
        await self._feed.start()
        while True:
            batch = await self._feed.next_batch()
            self.signals += batch.signals
            await self._feed.commit(batch)

    async def until_more_is_seen(self, count: int) -> None:
        """Wait until both readers have read `count` rows more."""
        wanted = self._seen_by_both() + count

        async def seen() -> bool:
            return self._seen_by_both() >= wanted

        await until(seen)

    def _seen_by_both(self) -> int:
        return min(len(self.by_page), len(self.by_places))

    async def assert_saw_the_log(self, database: Connection) -> None:
        """Whoever read it while it was written has read what it is."""
        log = [
            LogPlace(*row)
            for row in await rows(
                database,
                "select originator_id, notification_id, originator_version, topic from stored_events"
                " order by notification_id",
            )
        ]
        signals = [
            OrderSignal(place.stream, place.version, place.position)
            for place in log
            if place.topic == "order.submitted.v1"
        ]

        async def all_seen() -> bool:
            return self.by_page == self.by_places == log and self.signals == signals

        with suppress(TimeoutError):
            await until(all_seen, 10)
        assert [place.position for place in log] == list(range(1, len(log) + 1))
        assert self.by_page == log
        assert self.by_places == log
        assert self.signals == signals


def _assert_follows(seen: list[LogPlace], new: int) -> None:
    """The rows that were read last stand where those before them end."""
    first = len(seen) - new
    assert [place.position for place in seen[first:]] == list(range(first + 1, first + new + 1))


@asynccontextmanager
async def tailed(dsn: str) -> AsyncIterator[Tail]:
    """Read the database's log for as long as the block runs; what a reader finds wrong ends it."""
    pool = await open_pool(dsn, application_name="test readers", min_size=1, max_size=4)
    async with LogListener(dsn) as listener:
        recorder = Recorder(Reads(pool), GroupCommit(lambda: connect(dsn, application_name="unused")))
        tail = Tail(recorder, LogFeed(recorder, pool, listener))
        async with asyncio.TaskGroup() as readers:
            tasks = [readers.create_task(work()) for work in (tail.pages, tail.places, tail.batches)]
            yield tail
            for task in tasks:
                task.cancel()
    await pool.close()


async def _until_all_wait(database: Connection, count: int) -> None:
    """Wait until so many writers of this database wait for one another, at the table or at the writer lock."""
    at_a_lock = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    async def all_wait() -> bool:
        return bool(await value(database, at_a_lock) == count)

    await until(all_wait)


async def finish(writers: list[subprocess.Popen[str]]) -> int:
    """Let the writers end; how many events they saved."""
    saved = 0
    for writer in writers:
        output, _ = await asyncio.to_thread(writer.communicate)
        assert writer.returncode == 0
        saved += int(output)
    return saved


async def test_three_writers_at_once(dsn: str, start_writer: Start) -> None:
    writers = [await asyncio.to_thread(start_writer, "ours", dsn) for _ in range(3)]
    async with session(dsn) as database, tailed(dsn) as tail:
        await tail.until_more_is_seen(3000)
        assert await finish(writers) == await value(database, "select count(*) from stored_events")
        await tail.assert_saw_the_log(database)
        commands = await value(database, "select count(distinct command_id) from stored_events")
        assert commands > 1000
        assert await value(database, "select sum(held) from allotments where admission = 'MAIN'") == commands
        assert await value(database, "select sum(sold) from allotments where admission <> 'MAIN'") == commands


async def test_a_transaction_that_began_earlier_commits_later_while_the_librarys_writer_writes_too(
    dsn: str, start_writer: Start
) -> None:
    writers = [await asyncio.to_thread(start_writer, kind, dsn) for kind in ("ours", "ours", "ours", "stock")]
    saved_late = 0
    async with session(dsn) as database, session(dsn) as late, tailed(dsn) as tail:
        for _ in range(10):
            async with late.transaction():
                # Its number is given now, before those of many that will have committed by the time it writes …
                await value(late, "select pg_current_xact_id()::text")
                await tail.until_more_is_seen(100)
                await send(late, encode([command(event(topic="order.submitted.v1"), event())]))
                # … and its rows are there, unseen, while all the others wait.
                await _until_all_wait(database, 4)
                saved_late += 2
        saved = await finish(writers)
        assert saved + saved_late == await value(database, "select count(*) from stored_events")
        await tail.assert_saw_the_log(database)
        overtaken = """
            select count(*) from (
                select number, max(number) over (order by notification_id) as highest
                from (select notification_id, xmin::text::bigint as number from stored_events) as transactions
            ) as placed where number < highest"""
        assert await value(database, overtaken) >= saved_late


async def test_a_writer_that_is_held_up_in_its_call(own_server: OwnServer, start_writer: Start) -> None:
    """Processes and their backends are stopped for a moment, again and again, wherever they are."""
    dsn = own_server.dsn
    chance = random.Random(20261124)
    writers = [await asyncio.to_thread(start_writer, "ours", dsn) for _ in range(3)]
    async with session(dsn) as database, tailed(dsn) as tail:
        backends: list[int] = []

        async def all_write() -> bool:
            writing = "select pid from pg_stat_activity where application_name = 'test writer'"
            backends[:] = [row[0] for row in await rows(database, writing)]
            return len(backends) == 3

        await until(all_write)
        for _ in range(20):
            pid = chance.choice([*backends, *(writer.pid for writer in writers)])
            await asyncio.to_thread(os.kill, pid, signal.SIGSTOP)
            await asyncio.sleep(0.03)
            await asyncio.to_thread(os.kill, pid, signal.SIGCONT)
            await tail.until_more_is_seen(30)
        assert await finish(writers) == await value(database, "select count(*) from stored_events")
        await tail.assert_saw_the_log(database)
