"""`append_v1`: while an upgrade rolls, processes of the release before write with it, beside ours."""

from __future__ import annotations

from uuid import UUID, uuid4

from infra.event_store.append import Append
from infra.event_store.append_call import encode
from infra.event_store.outcomes import Appended, RecordTaken, VersionTaken
from infra.postgres.connections import Connection

from .saving import allotments, command, event, numbers, record, rows, save, shows, stream_key, takes, taking

PARAMETERS = 16
CALL = f"select base, refused, refused_kind, refused_to from append_v1({', '.join(['%s'] * PARAMETERS)})".encode()


async def save_as_before(connection: Connection, *commands: Append) -> tuple[int, list[tuple[int, str, UUID]]]:
    """As the release before sends a batch: the position behind which it begins, and what was refused: (number in the
    batch, kind, whose command stands there)."""
    cursor = await connection.execute(CALL, encode(commands).parameters[:PARAMETERS], prepare=True, binary=True)
    row = await cursor.fetchone()
    assert row is not None
    base, *refusals = row
    return base, sorted(zip(*refusals, strict=True))


async def test_old_processes_still_write(connection: Connection) -> None:
    stream = uuid4()
    whole = command(event(stream, 1), event(stream, 2), keys=(stream_key(stream),), record=record())
    assert await save_as_before(connection, whole, command(event())) == (0, [])
    assert await save_as_before(connection, whole) == (3, [(1, "record", whole.command_id)])
    stored = await rows(connection, "select notification_id, command_id from stored_events order by 1")
    assert [command_id for _, command_id in stored[:2]] == [whole.command_id] * 2
    assert [position for position, _ in stored] == [1, 2, 3]
    assert await rows(connection, "select originator_id from stream_keys") == [(stream,)]


async def test_old_and_new_processes_meet_each_others_commands(connection: Connection) -> None:
    old, new = command(event(), record=record()), command(event(), record=record())
    assert await save_as_before(connection, old) == (0, [])
    assert await save(connection, new, command(old.events[0]), command(record=old.record)) == [
        Appended(2),
        VersionTaken(),
        RecordTaken(),
    ]
    refused = [(1, "version", new.command_id), (2, "record", new.command_id)]
    assert await save_as_before(connection, command(new.events[0]), command(record=new.record), command(event())) == (
        2,
        refused,
    )
    # Sent by the one, and again by the other.
    assert await save(connection, old) == [Appended(None)]


async def test_old_processes_leave_places_and_numbers_alone(connection: Connection) -> None:
    await save(connection, takes(taking(2, capacity=5)), shows("T1"))
    before = await allotments(connection), await numbers(connection)
    assert await save_as_before(connection, command(event(), event(topic="order.cancelled.v1"))) == (2, [])
    assert (await allotments(connection), await numbers(connection)) == before
