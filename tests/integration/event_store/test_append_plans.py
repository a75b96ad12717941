"""How `append_v2` finds what it compares with: by indexes, from the first row on and with many.

On a young database the planner would choose sequential scans, and keep them for the session.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import LiteralString
from uuid import uuid4

from infra.event_store.append import Append, DestroyedNumber, SlotTaking
from infra.event_store.outcomes import Appended, Conflict, NumberTaken, RecordTaken, TooFewPlaces, VersionTaken
from infra.postgres.connections import Connection

from .saving import DAY, MORNING, command, event, record, rows, save, value

ROUNDS = 24
COMMANDS = 100


async def counted(connection: Connection, query: LiteralString) -> Counter[str]:
    await connection.execute("select pg_stat_force_next_flush()")
    await connection.execute("select pg_stat_clear_snapshot()")
    return Counter(dict(await rows(connection, query)))


async def scans(connection: Connection) -> Counter[str]:
    """How often each table was read from end to end."""
    return await counted(connection, "select relname, seq_scan from pg_stat_user_tables")


async def read_by_key(connection: Connection) -> Counter[str]:
    """How many entries of each primary key were read."""
    return await counted(
        connection, "select relname, idx_tup_read from pg_stat_user_indexes where indexrelname = relname || '_pkey'"
    )


async def test_events_records_and_keys(connection: Connection) -> None:
    before = await scans(connection)
    saved: list[Append] = []
    for _ in range(ROUNDS):
        fresh = [command(event(), event(), record=record()) for _ in range(COMMANDS)]
        conflicting = [command(*old.events, record=record()) for old in saved[-5:]]
        repeated = [command(event(), record=old.record) for old in saved[-10:-5]]
        outcomes = await save(connection, *fresh, *conflicting, *repeated)
        assert outcomes[COMMANDS:] == [VersionTaken()] * len(conflicting) + [RecordTaken()] * len(repeated)
        saved += fresh
    after = await scans(connection)
    used = {name: after[name] - before[name] for name in ("stored_events", "idempotency_records", "stream_keys")}
    assert used == {"stored_events": 0, "idempotency_records": 0, "stream_keys": 0}
    assert await value(connection, "select count(*) from stored_events") == ROUNDS * COMMANDS * 2


async def test_places_and_numbers(connection: Connection) -> None:
    """Nor are their keys read from end to end, which no statistics would show as a scan of the table."""
    before = await scans(connection)
    living: list[Append] = []
    read: list[Counter[str]] = []
    for turn in range(ROUNDS):
        so_far = await read_by_key(connection)
        fresh = [_issued(turn * COMMANDS + at) for at in range(COMMANDS)]
        destroyed = [_cancelled(issued) for issued in living[-20:]]
        taken = [_issued(0, issued.shown[0]) for issued in living[-30:-20]]
        sold_out = [_issued(0, capacity=0) for _ in range(10)]
        outcomes = await save(connection, *fresh, *destroyed, *taken, *sold_out)
        refused = [type(outcome) for outcome in outcomes if isinstance(outcome, Conflict)]
        assert refused == [NumberTaken] * len(taken) + [TooFewPlaces] * len(sold_out)
        living += [issued for issued, outcome in zip(fresh, outcomes, strict=False) if isinstance(outcome, Appended)]
        read.append(await read_by_key(connection) - so_far)
    after = await scans(connection)
    tables = ("allotments", "shown_numbers")
    assert {name: after[name] - before[name] for name in tables} == dict.fromkeys(tables, 0)
    assert await value(connection, "select count(*) from allotments") == 2 * ROUNDS * COMMANDS
    assert await value(connection, "select count(*) from shown_numbers") > 2 * ROUNDS * COMMANDS
    # What a call reads follows from what it is asked for, and not from what is there.
    assert max(counts["allotments"] for counts in read) < 10 * COMMANDS
    assert max(counts["shown_numbers"] for counts in read) < 10 * COMMANDS


def _issued(day: int, *numbers: str, capacity: int | None = 5) -> Append:
    # No slot is in two commands: of a row with many versions all of them are read while an old snapshot may see them.
    slots = [SlotTaking("TOUR", DAY + timedelta(day), start, 1, 0, capacity) for start in (None, MORNING)]
    shown = (*numbers, uuid4().hex, uuid4().hex, uuid4().hex)
    return Append(uuid4(), [event()], slots=slots, order_id=uuid4(), shown=shown)


def _cancelled(issued: Append) -> Append:
    slots = [slot._replace(held=-slot.held) for slot in issued.slots]
    destroyed = [DestroyedNumber(number, at == 0) for at, number in enumerate(issued.shown)]
    return Append(uuid4(), [event()], slots=slots, order_id=issued.order_id, destroyed=destroyed)
