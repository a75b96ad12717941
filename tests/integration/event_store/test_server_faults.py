"""The server killed, and frozen, in mid-load: whoever was told that it is saved finds it saved, once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.event_store.append import Append
from infra.event_store.group_commit import GroupCommit, OutcomeUnknown, StoreUnavailable
from infra.event_store.outcomes import Appended
from tests.own_server import OwnServer

from .saving import allotments, command, event, numbers, opened_writer, outcome_of, rows, session, taking, value

CLIENTS = 8
KILLS = 3
SAVED_BETWEEN_KILLS = 200


class Load:
    """Clients that save one command after the other, and note what they were told."""

    def __init__(self, writer: GroupCommit) -> None:
        self._writer = writer
        self._over = False
        self._moved = asyncio.Condition()
        self.saved: list[Append] = []
        self.not_saved: list[Append] = []
        self.unknown: list[Append] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client())
            yield
            self._over = True

    async def _client(self) -> None:
        while not self._over:
            asked = command(event(), event())
            number = asked.command_id.hex
            asked = asked._replace(slots=[taking(1, capacity=None)], order_id=asked.command_id, shown=[number])
            outcome = await outcome_of(self._writer.append(asked))
            if isinstance(outcome, Appended):
                self.saved.append(asked)
            else:
                (self.unknown if outcome is OutcomeUnknown else self.not_saved).append(asked)
                assert outcome in {OutcomeUnknown, StoreUnavailable}
            async with self._moved:
                self._moved.notify_all()

    async def until_more_are_saved(self) -> None:
        wanted = len(self.saved) + SAVED_BETWEEN_KILLS
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.saved) >= wanted)


async def test_killed_in_mid_load_nothing_is_lost_and_nothing_is_there_twice(own_server: OwnServer) -> None:
    async with opened_writer(own_server.dsn) as writer:
        load = Load(writer)
        async with load.running():
            for _ in range(KILLS):
                await load.until_more_are_saved()
                await asyncio.to_thread(own_server.kill_postmaster)
                await asyncio.to_thread(own_server.server.ensure)
            await load.until_more_are_saved()
    async with session(own_server.dsn) as database:
        stored = Counter(row[0] for row in await rows(database, "select command_id from stored_events"))
        positions = await rows(database, "select notification_id from stored_events order by 1")
        taken = await allotments(database)
        shown = await numbers(database)
    assert len(load.saved) >= (KILLS + 1) * SAVED_BETWEEN_KILLS
    assert [asked for asked in load.saved if stored[asked.command_id] != 2] == []
    assert [asked for asked in load.not_saved if stored[asked.command_id]] == []
    known = {asked.command_id for asked in load.saved + load.unknown}
    assert set(stored) <= known
    assert set(stored.values()) == {2}
    assert [row[0] for row in positions] == list(range(1, len(positions) + 1))
    assert taken == {("MAIN", None): (len(stored), 0, "catalog")}
    assert shown == {command_id.hex: (command_id, True) for command_id in stored}


async def test_frozen_for_longer_than_the_deadline(own_server: OwnServer) -> None:
    """Callers have an answer in time while it is frozen, and writing goes on as soon as it is not."""
    async with opened_writer(own_server.dsn) as writer, session(own_server.dsn) as database:
        assert await writer.append(command(event())) == Appended(1)
        await asyncio.to_thread(own_server.signal_all, signal.SIGSTOP)
        sent, queued = command(event()), command(event())
        in_call = asyncio.create_task(outcome_of(writer.append(sent)))
        while not writer.waiting:  # noqa: ASYNC110 - its turn comes in the next rounds of the loop
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = asyncio.create_task(outcome_of(writer.append(queued)))
        async with asyncio.timeout(5.5):
            assert [await in_call, await waiting] == [OutcomeUnknown, StoreUnavailable]
        late = asyncio.create_task(outcome_of(writer.append(command(event()))))
        await asyncio.to_thread(own_server.signal_all, signal.SIGCONT)
        async with asyncio.timeout(2):
            assert isinstance(await late, Appended)
            assert isinstance(await writer.append(command(event())), Appended)
        assert await value(database, "select count(*) from stored_events where command_id = %s", queued.command_id) == 0
        assert await value(database, "select count(*) from stored_events where command_id = %s", sent.command_id) <= 1


async def test_frozen_for_a_moment_nobody_learns_of_it(own_server: OwnServer) -> None:
    """Many short stops: every call is answered, and no call after it hangs on a connection that was given up."""
    async with opened_writer(own_server.dsn, call_seconds=0.3) as writer:
        load = Load(writer)
        async with load.running():
            for seconds in (0.1, 0.5, 0.1, 0.5):
                await load.until_more_are_saved()
                await asyncio.to_thread(own_server.signal_all, signal.SIGSTOP)
                await asyncio.sleep(seconds)
                await asyncio.to_thread(own_server.signal_all, signal.SIGCONT)
            await load.until_more_are_saved()
    assert (load.unknown, load.not_saved) == ([], [])
    async with session(own_server.dsn) as database:
        stored = Counter(row[0] for row in await rows(database, "select command_id from stored_events"))
    assert set(stored) == {asked.command_id for asked in load.saved}
    assert set(stored.values()) == {2}
