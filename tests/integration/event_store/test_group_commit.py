"""The one writer of a process: what it puts into a batch, and what each caller gets, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from infra.event_store import group_commit
from infra.event_store.append import Append, NewEvent
from infra.event_store.group_commit import GroupCommit, OutcomeUnknown, RefusedByStore, StoreUnavailable
from infra.event_store.outcomes import Appended, Outcome, RecordTaken, VersionTaken
from infra.postgres.connections import Connection, connect

from .saving import (
    backends_at_the_lock,
    command,
    destroys,
    event,
    opened_writer,
    outcome_of,
    record,
    rows,
    shows,
    until,
    until_waiting,
    value,
    writer_lock,
)

MIB = 1024 * 1024


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Connection]:
    """A session to look with."""
    async with await connect(dsn, application_name="test") as connection:
        yield connection


async def stored_commands(database: Connection) -> list[object]:
    return [row[0] for row in await rows(database, "select command_id from stored_events order by notification_id")]


async def test_of_a_hundred_that_want_one_place_one_gets_it(dsn: str, batches: list[tuple[Append, ...]]) -> None:
    place = event()
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*(writer.append(command(place)) for _ in range(100)))
    assert outcomes == [Appended(1)] + [VersionTaken()] * 99
    assert len(batches) <= 2


async def test_of_a_hundred_with_one_idempotency_key_one_gets_it(dsn: str, batches: list[tuple[Append, ...]]) -> None:
    key = record()
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*(writer.append(command(event(), record=key)) for _ in range(100)))
    assert outcomes == [Appended(1)] + [RecordTaken()] * 99
    assert len(batches) <= 2


async def test_a_loser_is_told_of_the_record_before_the_version(dsn: str) -> None:
    place, key = event(), record()
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*(writer.append(command(place, record=key)) for _ in range(3)))
    assert outcomes == [Appended(1), RecordTaken(), RecordTaken()]


async def test_no_stream_no_key_and_no_number_is_twice_in_a_batch(dsn: str, batches: list[tuple[Append, ...]]) -> None:
    streams = [uuid4() for _ in range(5)]
    keys = [record() for _ in range(3)]
    commands = [command(event(stream, version)) for version in range(1, 21) for stream in streams]
    commands += [command(event(), record=key) for _ in range(4) for key in keys]
    owners = [uuid4() for _ in range(4)]
    for owner in owners:
        commands += [shows("WANTED", f"{owner}", order_id=owner), destroys(owner, others=("WANTED",))]
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*map(writer.append, commands))
    for batch in batches:
        claims = [_unique(asked) for asked in batch]
        assert sum(map(len, claims)) == len(set().union(*claims))
    # The later one waited for the earlier one: none was refused for coming too early.
    assert all(isinstance(outcome, Appended) for outcome in (*outcomes[:103], *outcomes[112:]))
    assert outcomes[103:112] == [RecordTaken()] * 9


def _unique(asked: Append) -> set[object]:
    numbers = {*asked.shown, *(destroyed.number for destroyed in asked.destroyed)}
    return numbers | {event.stream for event in asked.events} | ({asked.record.scope_hash} if asked.record else set())


async def test_a_batch_has_at_most_256_commands(dsn: str, batches: list[tuple[Append, ...]]) -> None:
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*(writer.append(command(event())) for _ in range(1000)))
    assert outcomes == [Appended(position) for position in range(1, 1001)]
    assert max(map(len, batches)) == 256
    assert len(batches) <= 6


async def test_a_batch_has_at_most_4_mib_but_takes_one_that_is_larger(
    dsn: str, batches: list[tuple[Append, ...]]
) -> None:
    sizes = [1, 1, 1, 1, 5, 1, 1, 3, 3]
    large = {size: b" " * (size * MIB) for size in set(sizes)}
    commands = [command(event(state=large[size])) for size in sizes]
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*map(writer.append, commands))
    assert outcomes == [Appended(position) for position in range(1, 10)]
    assert [len(batch) for batch in batches if len(batch) > 1] == [3, 2]
    assert all(sum(asked.size for asked in batch) <= 4 * MIB for batch in batches if len(batch) > 1)


async def test_past_its_bound_the_queue_refuses_at_once(dsn: str, database: Connection) -> None:
    async with opened_writer(dsn, max_waiting=2) as writer:
        async with writer_lock(dsn):
            in_call = writer.append(command(event()))
            await until_waiting(database)
            waiting = [writer.append(command(event())) for _ in range(2)]
            refused = command(event())
            with pytest.raises(StoreUnavailable):
                await writer.append(refused)
        assert await asyncio.gather(in_call, *waiting) == [Appended(1), Appended(2), Appended(3)]
        assert isinstance(await writer.append(command(event())), Appended)
    assert refused.command_id not in await stored_commands(database)


@pytest.mark.parametrize(
    "faulty",
    [
        pytest.param(lambda: command(event(topic="no\0text")), id="what the server takes for no text"),
        pytest.param(lambda: command(event(topic="\ud800")), id="what is no Unicode"),
        pytest.param(lambda: command(event(), record=record(status=40_000)), id="a number too large for its column"),
        pytest.param(lambda: command(event(), record=record(status=2**40)), id="a number too large to be sent"),
        pytest.param(lambda: command(*[NewEvent(uuid4(), 1, "t", b"")] * 2), id="the same place twice"),
    ],
)
async def test_data_that_cannot_be_stored_fails_its_own_command(
    dsn: str, database: Connection, faulty: Callable[[], Append]
) -> None:
    commands = [command(event()) for _ in range(20)]
    bad = [faulty(), faulty()]
    commands[3:3], commands[15:15] = bad[:1], bad[1:]
    async with opened_writer(dsn) as writer:
        outcomes = await asyncio.gather(*(outcome_of(writer.append(asked)) for asked in commands))
        assert isinstance(await writer.append(command(event())), Appended)
    assert [at for at, outcome in enumerate(outcomes) if outcome is RefusedByStore] == [3, 15]
    good = [outcome for outcome in outcomes if outcome is not RefusedByStore]
    assert good == [Appended(position) for position in range(1, 21)]
    assert await value(database, "select count(*) from stored_events") == 21


async def test_a_caller_that_hangs_up_changes_nothing(dsn: str, database: Connection) -> None:
    in_call, queued, other = (command(event()) for _ in range(3))

    async def call(asked: Append) -> Outcome:
        return await writer.append(asked)

    async with opened_writer(dsn) as writer:
        async with writer_lock(dsn):
            callers = [asyncio.create_task(call(in_call))]
            await until_waiting(database)
            callers += [asyncio.create_task(call(queued))]
            await asyncio.sleep(0)
            told = writer.append(other)
            for caller in callers:
                caller.cancel()
                with suppress(asyncio.CancelledError):
                    await caller
        assert await told == Appended(3)
    assert await stored_commands(database) == [in_call.command_id, queued.command_id, other.command_id]


async def test_what_nobody_waits_for_any_more_is_still_saved(dsn: str, database: Connection) -> None:
    """A batch of callers who all went away is sent like any other."""
    commands = [command(event()) for _ in range(3)]
    async with opened_writer(dsn) as writer:
        for asked in commands:
            assert writer.append(asked).cancel()
    assert await stored_commands(database) == [asked.command_id for asked in commands]


async def test_stopping_saves_what_waits_and_takes_nothing_more(dsn: str, database: Connection) -> None:
    async with opened_writer(dsn) as writer:
        futures = [writer.append(command(event())) for _ in range(600)]
        await writer.stop()
        assert [future.result() for future in futures] == [Appended(position) for position in range(1, 601)]
        with pytest.raises(StoreUnavailable):
            await writer.append(command(event()))
    assert await value(database, "select count(*) from stored_events") == 600


async def test_what_is_overdue_is_unknown_if_it_was_sent_and_else_not_saved(dsn: str, database: Connection) -> None:
    sent, queued = command(event()), command(event())
    async with opened_writer(dsn, command_seconds=0.5) as writer:
        async with writer_lock(dsn):
            first = asyncio.create_task(outcome_of(writer.append(sent)))
            await until_waiting(database)
            second = asyncio.create_task(outcome_of(writer.append(queued)))
            async with asyncio.timeout(2):
                assert [await first, await second] == [OutcomeUnknown, StoreUnavailable]
        assert isinstance(await writer.append(command(event())), Appended)
    assert queued.command_id not in await stored_commands(database)


async def test_what_was_told_to_be_not_saved_is_left_out_of_its_batch(dsn: str, database: Connection) -> None:
    """Of two in a batch for which no connection comes, one is overdue; the other is saved when it comes, alone."""
    comes = asyncio.Event()

    async def connecting() -> Connection:
        await comes.wait()
        return await connect(dsn, application_name="test writer", for_writing=True)

    writer = GroupCommit(connecting, command_seconds=0.2)
    overdue, patient = command(event()), command(event())
    await writer.start()
    try:
        gives_up = writer.append(overdue)
        writer._command_seconds = 30.0
        waits = writer.append(patient)
        assert await outcome_of(gives_up) is StoreUnavailable
        comes.set()
        assert await waits == Appended(1)
    finally:
        await writer.stop()
    assert await stored_commands(database) == [patient.command_id]


async def test_callers_have_an_answer_within_the_five_seconds_of_the_contract(dsn: str, database: Connection) -> None:
    async with opened_writer(dsn) as writer, writer_lock(dsn):
        first = asyncio.create_task(outcome_of(writer.append(command(event()))))
        await until_waiting(database)
        second = asyncio.create_task(outcome_of(writer.append(command(event()))))
        async with asyncio.timeout(5.5):
            # Twice the server has said that it saved nothing. Unknown, if a third call is out.
            assert await first in {OutcomeUnknown, StoreUnavailable}
            assert await second in {OutcomeUnknown, StoreUnavailable}


async def test_a_time_out_of_the_server_is_no_refusal(dsn: str, database: Connection) -> None:
    """It ends the session, which is no fault of the command's: that one is sent again."""
    async with opened_writer(dsn, transaction_timeout=0.3) as writer:
        async with writer_lock(dsn):
            told = writer.append(command(event()))
            await until_waiting(database)
            ended = await backends_at_the_lock(database)

            async def another_waits() -> bool:
                return await backends_at_the_lock(database) not in ([], ended)

            await until(another_waits)
        assert await told == Appended(1)


async def test_with_no_database_nothing_was_saved() -> None:
    calls = 0

    async def away() -> Connection:
        nonlocal calls
        calls += 1
        raise OSError("nobody there")

    writer = group_commit.GroupCommit(away, command_seconds=0.3)
    await writer.start()
    async with asyncio.timeout(2):
        assert await outcome_of(writer.append(command(event()))) is StoreUnavailable
    await writer.stop()
    assert calls > 1


async def test_the_writer_outlives_what_nobody_foresaw(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> list[Outcome]:
        raise LookupError("a bug")

    async with opened_writer(dsn) as writer:
        with monkeypatch.context() as patched, capture_logs() as logs:
            patched.setattr(group_commit, "send", broken)
            assert await outcome_of(writer.append(command(event()))) is OutcomeUnknown
        assert [entry["event"] for entry in logs] == ["append_failed"]
        assert await writer.append(command(event())) == Appended(1)
