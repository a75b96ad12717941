"""Whether the database server is still the one that it was, or has crashed or started anew meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from infra.postgres.connections import Connection


class ServerLife(NamedTuple):
    """Another one: the server may have forgotten what it had not yet written to disk.

    `started_at`: of its first process. It outlives the crash of another one (killed for its memory, say), after which
    the server recovers as from any crash, and counts its figures anew: `counts_since`. (An operator who resets these
    figures makes a new life of it, too, which does no harm.)
    """

    started_at: datetime
    counts_since: datetime | None


async def server_life(conn: Connection) -> ServerLife:
    cursor = await conn.execute(
        "select pg_postmaster_start_time(), (select stats_reset from pg_stat_bgwriter)", prepare=False
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it always answers
    return ServerLife(*row)
