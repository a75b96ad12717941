"""A connection that breaks in mid-call: the batch is sent again as it is, the callers get the right answers, and what
they saved is there once.

The connection to the server goes through a proxy, which breaks it at the moment in question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.event_store import group_commit
from infra.event_store.append import Append
from infra.event_store.group_commit import GroupCommit, OutcomeUnknown
from infra.event_store.outcomes import Appended, Outcome, VersionTaken
from infra.postgres.connections import Connection, connect

from .proxy import Proxy
from .saving import (
    allotments,
    command,
    event,
    numbers,
    opened_writer,
    outcome_of,
    record,
    rows,
    taking,
    until,
    until_waiting,
    value,
    writer_lock,
)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Connection]:
    """A session to look with, which needs no proxy."""
    async with await connect(dsn, application_name="test") as connection:
        yield connection


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    async with Proxy(dsn) as proxy:
        yield proxy


class Batch:
    """Three commands that go out in one call; the version that the second one wants is taken.

    Each of them takes one of the day's three places and shows a number.
    """

    def __init__(self, taken: Append) -> None:
        self.good = _issued("GOOD", command(event(), event()))
        self.late = _issued("LATE", command(event(), event(taken.events[0].stream)))
        self.keyed = _issued("KEYED", command(event(), record=record()))

    def hand_over(self, writer: GroupCommit) -> asyncio.Future[list[Outcome]]:
        return asyncio.gather(*(writer.append(asked) for asked in (self.good, self.late, self.keyed)))

    async def is_stored(self, database: Connection) -> bool:
        return await value(database, "select count(*) > 1 from stored_events") is True

    async def assert_stored_once(self, database: Connection) -> None:
        stored = await rows(
            database,
            "select notification_id, command_id, originator_id from stored_events where notification_id > 1"
            " order by notification_id",
        )
        assert stored == [
            (2, self.good.command_id, self.good.events[0].stream),
            (3, self.good.command_id, self.good.events[1].stream),
            (4, self.keyed.command_id, self.keyed.events[0].stream),
        ]
        assert await value(database, "select command_id from idempotency_records") == self.keyed.command_id
        assert await allotments(database) == {("MAIN", None): (2, 0, "catalog")}
        shown = {"GOOD": (self.good.order_id, True), "KEYED": (self.keyed.order_id, True)}
        assert await numbers(database) == shown


def _issued(number: str, asked: Append) -> Append:
    return asked._replace(slots=[taking(1, capacity=3)], order_id=uuid4(), shown=[number])


FIRST_TIME = [Appended(2), VersionTaken(), Appended(4)]
SAVED_BEFORE = [Appended(None), VersionTaken(), Appended(None)]

LAST_CALL = "select query_start, state from pg_stat_activity where pid = %s"


async def batch_behind(writer: GroupCommit) -> Batch:
    taken = command(event())
    assert await writer.append(taken) == Appended(1)
    return Batch(taken)


async def writers_backend(database: Connection) -> int:
    pid = await value(
        database,
        "select pid from pg_stat_activity where datname = current_database() and application_name = 'test writer'",
    )
    assert isinstance(pid, int)
    return pid


async def test_broken_before_the_call_reached_the_server(proxy: Proxy, database: Connection) -> None:
    async with opened_writer(proxy.dsn) as writer:
        batch = await batch_behind(writer)
        proxy.cut()
        assert await batch.hand_over(writer) == FIRST_TIME
    await batch.assert_stored_once(database)


async def test_broken_at_the_lock_and_the_old_call_commits_first(dsn: str, proxy: Proxy, database: Connection) -> None:
    """The server does not see that its client is gone: the old call gets the lock, the new one waits behind it."""
    async with opened_writer(proxy.dsn) as writer:
        batch = await batch_behind(writer)
        async with writer_lock(dsn):
            answers = batch.hand_over(writer)
            await until_waiting(database)
            proxy.cut()
            await until_waiting(database, 2)
        assert await answers == SAVED_BEFORE
    await batch.assert_stored_once(database)


async def test_broken_on_the_way_and_the_old_call_comes_after_the_new_one(proxy: Proxy, database: Connection) -> None:
    """What was given up comes to the server late: a look-up would have found nothing a moment before."""
    async with opened_writer(proxy.dsn) as writer:
        batch = await batch_behind(writer)
        old = await writers_backend(database)
        (before,) = await rows(database, LAST_CALL, old)
        proxy.delays_calls = True
        answers = batch.hand_over(writer)
        await proxy.until_delayed()
        proxy.cut()
        proxy.delays_calls = False
        assert await answers == FIRST_TIME
        proxy.deliver()

        async def old_call_is_done() -> bool:
            match await rows(database, LAST_CALL, old):
                case [(started, state)]:
                    return bool(started != before[0] and state == "idle")
                case _:
                    return True  # it answered, and found nobody there

        await until(old_call_is_done)
    await batch.assert_stored_once(database)


async def test_terminated_at_the_lock(dsn: str, proxy: Proxy, database: Connection) -> None:
    async with opened_writer(proxy.dsn) as writer:
        batch = await batch_behind(writer)
        async with writer_lock(dsn):
            answers = batch.hand_over(writer)
            await until_waiting(database)
            assert await value(database, "select pg_terminate_backend(%s)", await writers_backend(database))
            await until_waiting(database, 0)
        assert await answers == FIRST_TIME
    await batch.assert_stored_once(database)


@pytest.mark.parametrize("how", ["cut", "terminated", "silent"])
async def test_broken_after_the_commit(proxy: Proxy, database: Connection, how: str) -> None:
    async with opened_writer(proxy.dsn, call_seconds=0.5 if how == "silent" else 4.5) as writer:
        batch = await batch_behind(writer)
        proxy.loses_answers = True
        answers = batch.hand_over(writer)
        await until(lambda: batch.is_stored(database))
        if how == "cut":
            proxy.cut()
        elif how == "terminated":
            assert await value(database, "select pg_terminate_backend(%s)", await writers_backend(database))
        # Silent: the network lost the answer, and the call's deadline gives the connection up.
        accepted = proxy.accepted
        proxy.loses_answers = False
        assert await answers == SAVED_BEFORE
        assert proxy.accepted == accepted + 1
        # The writer is as good as new.
        assert await writer.append(command(event())) == Appended(5)


async def test_broken_again_and_again(dsn: str, proxy: Proxy, database: Connection) -> None:
    async with opened_writer(proxy.dsn) as writer:
        batch = await batch_behind(writer)
        async with writer_lock(dsn):
            answers = batch.hand_over(writer)
            for waiting in (1, 2, 3):
                await until_waiting(database, waiting)
                proxy.cut()
            await until_waiting(database, 4)
        assert await answers == SAVED_BEFORE
    await batch.assert_stored_once(database)


async def test_a_connection_is_closed_only_when_nobody_watches_it_any_more(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next one gets its descriptor, and the call that was given up may take that one's answer away."""
    monkeypatch.setattr(group_commit, "RECONNECT_SECONDS", 0)
    opened: list[Connection] = []

    async def connecting() -> Connection:
        assert not any(connection.lock.locked() for connection in opened)
        proxy.loses_answers = False
        opened.append(await connect(proxy.dsn, application_name="test writer", for_writing=True))
        proxy.loses_answers = len(opened) == 1  # of the first one, from now on
        return opened[-1]

    writer = GroupCommit(connecting, call_seconds=0.15)
    await writer.start()
    assert isinstance(await writer.append(command(event())), Appended)
    assert len(opened) == 2
    await writer.stop()


async def test_an_answer_that_never_comes_is_an_unknown_outcome_and_the_order_is_there_once(
    proxy: Proxy, database: Connection
) -> None:
    async with opened_writer(proxy.dsn, command_seconds=0.8, call_seconds=0.3) as writer:
        batch = await batch_behind(writer)
        proxy.loses_answers = True
        callers = [writer.append(asked) for asked in (batch.good, batch.late, batch.keyed)]
        async with asyncio.timeout(3):
            assert [await outcome_of(caller) for caller in callers] == [OutcomeUnknown] * 3
        proxy.loses_answers = False
        proxy.cut()
        # Asked again as it was, the command meets itself.
        assert await writer.append(batch.good) == Appended(None)
    await batch.assert_stored_once(database)
