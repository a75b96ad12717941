"""Whoever serves keeps the embedded server alive."""

from __future__ import annotations

import asyncio

import structlog

from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import EmbeddedPostgresError

_log = structlog.get_logger()


async def supervise(postgres: EmbeddedPostgres, *, every: float = 1.0) -> None:
    """Look each `every` seconds whether the server answers, and revive it if not; for ever, until cancelled.

    Each process that serves runs one; that several notice at once does no harm. What cannot be mended (a full disk) is
    logged and tried again. After cancelling it, `postgres.stop` may be called at once.
    """
    while True:
        try:
            await asyncio.to_thread(postgres.ensure)
        except (EmbeddedPostgresError, OSError) as error:
            _log.error("postgres_not_revived", error=str(error))
        await asyncio.sleep(every)
