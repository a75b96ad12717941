"""Whoever serves keeps the embedded server alive, and watches the room on its disk."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from infra.postgres.disk_room import DiskRoom
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import EmbeddedPostgresError

# Of what keeps it from starting (a full disk), nothing changes faster; each try costs the reading of its log.
_LONGEST_PAUSE_SECONDS = 4.0

_log = structlog.get_logger()


async def supervise(postgres: EmbeddedPostgres, room: DiskRoom, *, every: float = 1.0) -> None:
    """Look each `every` seconds whether the server answers, and revive it if not; for ever, until cancelled.

    Each process that serves runs one; that several notice at once does no harm. What cannot be mended (a full disk) is
    logged and tried again, less often. After cancelling it, `postgres.stop` may be called at once.
    """
    pause = every
    while True:
        with suppress(OSError):
            # First: a server that ended for want of room needs what is kept back for it.
            await asyncio.to_thread(room.look)
        try:
            await asyncio.to_thread(postgres.ensure)
        except (EmbeddedPostgresError, OSError) as error:
            _log.error("postgres_not_revived", error=str(error))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            pause = every
        await asyncio.sleep(pause)
