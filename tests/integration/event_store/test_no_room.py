"""A disk without room, as the writer meets it: refused at once, nothing stored, and on again when there is some."""

from __future__ import annotations

import asyncio

from infra.event_store.group_commit import StoreUnavailable
from infra.event_store.outcomes import Appended

from .saving import command, event, opened_writer, outcome_of, session, value

_FULL = """
create function no_room() returns trigger language plpgsql as $$
begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
create trigger no_room before insert on stored_events execute function no_room();
"""


async def test_a_server_without_room_is_told_at_once(any_dsn: str) -> None:
    async with session(any_dsn) as database, opened_writer(any_dsn, command_seconds=60.0) as writer:
        await database.execute(_FULL)
        # Long before the command's own deadline: what is full stays so for longer than a caller waits.
        async with asyncio.timeout(20):
            refused = await asyncio.gather(*(outcome_of(writer.append(command(event()))) for _ in range(5)))
        assert refused == [StoreUnavailable] * 5
        assert await value(database, "select count(*) from stored_events") == 0
        await database.execute("drop trigger no_room on stored_events")
        assert await writer.append(command(event())) == Appended(1)


async def test_a_disk_that_is_nearly_full_takes_nothing(dsn: str) -> None:
    room = False
    async with session(dsn) as database, opened_writer(dsn, has_room=lambda: room) as writer:
        assert await outcome_of(writer.append(command(event()))) is StoreUnavailable
        assert await value(database, "select count(*) from stored_events") == 0
        room = True
        assert await writer.append(command(event())) == Appended(1)
