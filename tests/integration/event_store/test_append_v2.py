"""`append_v2`: one call stores a batch, each command whole or not at all, and names what stood in its way."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from infra.event_store.append import Append
from infra.event_store.append_call import encode, send
from infra.event_store.outcomes import (
    Appended,
    CapacityBelowTaken,
    NumberTaken,
    RecordTaken,
    TooFewPlaces,
    VersionTaken,
)
from infra.postgres.connections import Connection, connect

from .saving import (
    allotments,
    command,
    destroys,
    event,
    numbers,
    record,
    rows,
    save,
    sets,
    shows,
    stream_key,
    takes,
    taking,
    value,
)


async def refusals(connection: Connection, *commands: Append) -> list[tuple[int, str, UUID]]:
    """(number in the batch, kind, whose command stands there), as the function itself answers."""
    parameters = encode(commands).parameters
    call = f"select refused, refused_kind, refused_to from append_v2({', '.join(['%s'] * len(parameters))})"
    cursor = await connection.execute(call.encode(), parameters)
    row = await cursor.fetchone()
    assert row is not None
    return sorted(zip(*row, strict=True))


async def positions(connection: Connection) -> list[int]:
    return [row[0] for row in await rows(connection, "select notification_id from stored_events order by 1")]


async def test_positions_have_no_gap_whatever_was_refused_between(connection: Connection) -> None:
    taken = event()
    assert await save(connection, command(taken, event())) == [Appended(1)]
    outcomes = await save(connection, command(event()), command(taken, event()), command(event(), event()))
    assert outcomes == [Appended(3), VersionTaken(), Appended(4)]
    with pytest.raises(psycopg.DataError):
        # Refused when its events are written already: no position is used up.
        await save(connection, command(event(), record=record(status=40_000)))
    assert await save(connection, command(taken)) == [VersionTaken()]
    assert await save(connection, command(event())) == [Appended(6)]
    assert await positions(connection) == [1, 2, 3, 4, 5, 6]


async def test_positions_follow_the_order_of_commands_and_of_their_events(connection: Connection) -> None:
    events = [event() for _ in range(5)]
    await save(connection, command(events[3], events[1]), command(events[4]), command(events[0], events[2]))
    stored = await rows(connection, "select originator_id from stored_events order by notification_id")
    assert [row[0] for row in stored] == [events[at].stream for at in (3, 1, 4, 0, 2)]


async def test_the_sequence_of_the_librarys_writer_stands_at_the_logs_end(connection: Connection) -> None:
    await save(connection, command(event(), event()), command(event()))
    assert await value(connection, "select nextval('stored_events_notification_id_seq')") == 4


async def test_a_conflict_names_the_command_that_stands_there(connection: Connection) -> None:
    first, second = command(event(), event()), command(event(), record=record())
    await save(connection, first, second)
    later = [
        command(event(), event(first.events[1].stream)),
        command(event()),
        command(event(second.events[0].stream)),
        command(record=second.record),
    ]
    assert await refusals(connection, *later) == [
        (1, "version", first.command_id),
        (3, "version", second.command_id),
        (4, "record", second.command_id),
    ]


@pytest.mark.parametrize("kind", ["events", "record", "both"])
async def test_sent_twice_every_command_names_itself_and_is_stored_once(connection: Connection, kind: str) -> None:
    stranger = event()
    await save(connection, command(stranger))
    stream = uuid4()
    kept = (event(stream, 1), event(stream, 2)) if kind != "record" else ()
    asked = command(*kept, record=record() if kind != "events" else None)
    batch = encode([command(event()), asked, command(stranger)])
    first = await send(connection, batch)
    assert first == [Appended(2), Appended(3), VersionTaken()]
    stored = await rows(connection, "select * from stored_events order by notification_id")
    records = await rows(connection, "select * from idempotency_records")
    assert await send(connection, batch) == [Appended(None), Appended(None), VersionTaken()]
    assert await rows(connection, "select * from stored_events order by notification_id") == stored
    assert await rows(connection, "select * from idempotency_records") == records


async def test_a_record_is_looked_at_before_a_version(connection: Connection) -> None:
    holder = command(event(), record=record())
    await save(connection, holder)
    again = command(event(holder.events[0].stream), record=holder.record)
    assert await refusals(connection, again) == [(1, "record", holder.command_id)]
    assert await save(connection, again) == [RecordTaken()]


async def test_what_keeps_a_command_out_is_looked_for_in_one_order(connection: Connection) -> None:
    """Record, version, number, places; at the first find it is judged no further, and takes nothing."""
    asked = record()
    holder = command(event(), record=asked)
    await save(connection, holder, shows("T1"), takes(taking(1, capacity=1)))
    before = await allotments(connection), await numbers(connection)

    def wants(stream: UUID, key: bool, number: str) -> Append:
        slots = [taking(1, capacity=9, admission="FREE"), taking(1, capacity=1)]
        kept = asked if key else None
        return Append(uuid4(), [event(stream)], record=kept, slots=slots, order_id=stream, shown=["FREE", number])

    taken = holder.events[0].stream
    by_record, by_version = wants(taken, True, "T1"), wants(taken, False, "T1")
    assert await save(connection, by_record) == [RecordTaken()]
    assert await save(connection, by_version) == [VersionTaken()]
    assert await save(connection, wants(uuid4(), False, "T1")) == [NumberTaken(1)]
    assert await save(connection, wants(uuid4(), False, "T2")) == [TooFewPlaces(at=1, left=0)]
    assert (await allotments(connection), await numbers(connection)) == before
    assert await value(connection, "select count(*) from stored_events") == 3


async def test_sent_twice_nothing_is_taken_twice(connection: Connection) -> None:
    sold, gone = uuid4(), uuid4()
    await save(
        connection,
        takes(taking(3, capacity=5), stream=sold),
        shows("GONE", "WALLET", order_id=gone),
        shows("OTHERS"),
        takes(taking(2, capacity=2, admission="TOUR")),
    )
    batch = encode(
        [
            takes(taking(-3, 3, capacity=5), stream=sold, version=2),
            takes(taking(2, capacity=5)),
            takes(taking(1, capacity=5)),  # the last one has gone to the one before
            destroys(gone, remembered=("GONE",), others=("WALLET",)),
            shows("MINE", "MINE TOO"),
            shows("OTHERS"),
            sets(5),
            sets(1, admission="TOUR"),
        ]
    )
    first = await send(connection, batch)
    assert first == [
        Appended(5),
        Appended(6),
        TooFewPlaces(at=0, left=0),
        Appended(7),
        Appended(8),
        NumberTaken(0),
        Appended(9),
        CapacityBelowTaken(),
    ]
    after = await allotments(connection), await numbers(connection)
    assert after[0] == {("MAIN", None): (2, 3, 5), ("TOUR", None): (2, 0, "catalog")}
    again = await send(connection, batch)
    assert again == [Appended(None) if isinstance(outcome, Appended) else outcome for outcome in first]
    assert (await allotments(connection), await numbers(connection)) == after


async def test_a_records_place_is_free_again_after_24_hours(connection: Connection) -> None:
    old = record(b"scope", status=409)
    await save(connection, command(event(), record=old))
    await connection.execute("update idempotency_records set recorded_at = now() - interval '23 hours 59 minutes'")
    assert await save(connection, command(event(), record=record(b"scope"))) == [RecordTaken()]
    await connection.execute("update idempotency_records set recorded_at = now() - interval '24 hours 1 second'")
    new = command(event(), record=record(b"scope"))
    assert isinstance((await save(connection, new))[0], Appended)
    assert new.record is not None
    assert await rows(
        connection,
        "select scope_hash, body_hash, order_id, order_version, status, command_id,"
        " recorded_at > now() - interval '1 minute' from idempotency_records",
    ) == [(*new.record, new.command_id, True)]
    assert await save(connection, command(record=record(b"scope"))) == [RecordTaken()]


async def test_a_conflict_leaves_the_rest_of_the_batch_stored(connection: Connection) -> None:
    taken = event()
    await save(connection, command(taken))
    good = [command(event(), event()) for _ in range(3)]
    outcomes = await save(connection, good[0], command(event(), taken), good[1], command(taken), good[2])
    assert outcomes == [Appended(2), VersionTaken(), Appended(4), VersionTaken(), Appended(6)]
    stored = await rows(connection, "select originator_id, command_id from stored_events where notification_id > 1")
    assert set(stored) == {(event.stream, append.command_id) for append in good for event in append.events}


async def test_keys_and_records_are_stored_with_their_command_alone(connection: Connection) -> None:
    taken = event()
    await save(connection, command(taken))
    streams = [uuid4() for _ in range(3)]
    await save(
        connection,
        command(event(streams[0]), keys=(stream_key(streams[0]),), record=record(b"first")),
        command(event(streams[1]), taken, keys=(stream_key(streams[1]),), record=record(b"second")),
        command(event(streams[2]), keys=(stream_key(streams[2]),), record=record(b"third")),
    )
    keys = await rows(connection, "select originator_id, master_key_id, wrapped_key from stream_keys")
    assert set(keys) == {(stream, "test", b"wrapped") for stream in (streams[0], streams[2])}
    kept = await rows(connection, "select scope_hash from idempotency_records order by 1")
    assert kept == [(b"first",), (b"third",)]


async def test_recorded_at_never_falls_as_positions_rise(connection: Connection) -> None:
    await save(connection, command(event()))
    # The clock was ahead, and was set right.
    await connection.execute("update stored_events set recorded_at = recorded_at + interval '1 hour'")
    await save(connection, command(event()), command(event()))
    await connection.execute("update stored_events set recorded_at = recorded_at - interval '2 hours'")
    await save(connection, command(event()))
    moments = await rows(connection, "select recorded_at, recorded_at > now() from stored_events order by 1")
    assert moments == sorted(moments)
    assert moments[0][0] == moments[1][0] == moments[2][0]
    assert moments[3][0] > moments[0][0]
    by_position = await rows(connection, "select recorded_at from stored_events order by notification_id")
    assert by_position == sorted(by_position)


@pytest.mark.parametrize(
    ("topics", "payload"),
    [
        (["order.submitted.v1", "reference.reserved.v1"], "other submitted"),
        (["order.replaced.v1"], "submitted"),
        (["order.processing.v1", "order.issued.v1", "order.drafted.v1"], "other settled"),
        (["order.submitted.v1", "partner.created.v1"], "setup submitted"),
        (["catalog.published.v1"], "setup"),
    ],
)
async def test_readers_are_woken_and_told_what_was_stored(
    any_dsn: str, connection: Connection, topics: list[str], payload: str
) -> None:
    async with await connect(any_dsn, application_name="test listener") as listener:
        await listener.execute("listen stored_events")
        await save(connection, command(*[event(topic=topic) for topic in topics]))
        told = [notice.payload async for notice in listener.notifies(timeout=30, stop_after=1)]
        assert told == [payload]


async def test_nobody_is_woken_for_nothing(any_dsn: str, connection: Connection) -> None:
    taken = event()
    await save(connection, command(taken))
    async with await connect(any_dsn, application_name="test listener") as listener:
        await listener.execute("listen stored_events")
        await save(connection, command(taken, event(topic="partner.created.v1")))
        await save(connection, command(record=record()))
        await save(connection, command(event()))
        told = [notice.payload async for notice in listener.notifies(timeout=30, stop_after=1)]
        assert told == ["other"]
