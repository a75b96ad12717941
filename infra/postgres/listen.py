"""Wakes the readers of the log when something was stored: LISTEN for speed, a clock for certainty."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import structlog
from psycopg import sql

from infra.postgres.connections import Connection, connect, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable

_CHECK_SECONDS = 5.0
_ANSWER_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 1.0

_log = structlog.get_logger()


class LogListener:
    """One connection that LISTENs on `channel`, for any number of waiters on the event loop.

    Waiters are woken by each NOTIFY that concerns them, when a new connection LISTENs, and each `poll_seconds` anyhow:
    a NOTIFY may be missed between a read and LISTEN, and a standby or a transaction pooler passes none on. Use it as an
    asynchronous context manager; it needs no database to begin.
    """

    def __init__(
        self,
        dsn: str,
        channel: str = "stored_events",
        *,
        poll_seconds: float = 1.0,
    ) -> None:
        self._dsn = dsn
        self._channel = channel
        self._poll_seconds = poll_seconds
        self._waiters: dict[asyncio.Event, frozenset[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def subscribe(self, *kinds: str) -> asyncio.Event:
        """An event that is set at each wake-up. The waiter clears it *before* it reads the log, then waits again.

        `kinds`: of what was stored (`append_v2` names them); none given: whatever it was.
        """
        waiter = asyncio.Event()
        self._waiters[waiter] = frozenset(kinds)
        return waiter

    def unsubscribe(self, waiter: asyncio.Event) -> None:
        """Wake this waiter no more. Harmless when repeated."""
        self._waiters.pop(waiter, None)

    async def __aenter__(self) -> Self:
        self._tasks = {asyncio.create_task(self._poll()), asyncio.create_task(self._listen_for_ever())}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pending = self._tasks
        while pending:
            # Again and again: before Python 3.12, psycopg's waiting may lose a cancellation.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    def _wake(self, payload: str = "") -> None:
        """Wake whom the payload concerns: everyone where it says nothing, as that of a foreign writer."""
        stored = payload.split()
        for waiter, kinds in self._waiters.items():
            if not stored or not kinds or not kinds.isdisjoint(stored):
                waiter.set()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            self._wake()

    async def _listen_for_ever(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                connection = await connect(self._dsn, application_name="channel-manager listen")
            except DatabaseUnavailable as fault:
                _log.warning("listen_not_connected", error=str(fault))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                pause = _FIRST_PAUSE_SECONDS
                try:
                    with translated_faults():
                        await self._listen(connection)
                except DatabaseUnavailable as fault:
                    _log.warning("listen_lost", error=str(fault))
                finally:
                    await connection.close()
            await asyncio.sleep(pause)

    async def _listen(self, connection: Connection) -> None:
        """Pass notifications on until the connection breaks, which a question finds out when nothing comes."""
        listen = sql.SQL("LISTEN {}").format(sql.Identifier(self._channel))
        await within(connection, connection.execute(listen), _ANSWER_SECONDS)
        self._wake()  # for what was stored while nobody listened
        while True:
            async for notification in connection.notifies(timeout=_CHECK_SECONDS):
                self._wake(notification.payload)
            await within(connection, connection.execute("SELECT"), _ANSWER_SECONDS)
