"""The one writer of a process: waiting commands are saved together, a batch a call, without a timer.

The commit before is the window in which the next batch gathers. A batch whose connection broke is sent again
unchanged on a new one, never decided again: what it finds there under its own command ids was saved the first time.

If the process dies: before the call, nothing is stored; in or after it, PostgreSQL has stored the whole batch or none
of it, and nobody was answered.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from struct import error as StructError
from typing import TYPE_CHECKING

import psycopg
import structlog

from infra.crash_points import CrashPoint, during, reached
from infra.event_store.append import Append
from infra.event_store.append_call import EncodedBatch, encode, send
from infra.event_store.commit_figures import COMMIT_TIMES, CommitFigures
from infra.event_store.commit_queue import CommitQueue, Waiting
from infra.event_store.outcomes import Appended, Outcome
from infra.postgres.connections import translated_faults
from infra.postgres.deadline import within
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

log = structlog.get_logger()

COMMAND_DEADLINE_SECONDS = 4.3
CALL_DEADLINE_SECONDS = 3.0
SERVER_DEADLINE_SECONDS = 2.5
"""The server's own, for a transaction of a call: where a stopped process has sent a part of it, nobody else would end
it, and it holds the lock that every writer waits for."""
RECONNECT_SECONDS = 0.1
OVERDUE_CHECK_SECONDS = 0.1


class StoreUnavailable(Exception):
    """The store cannot be reached, or too much waits for it. Nothing was saved."""


class OutcomeUnknown(Exception):
    """The connection broke while committing and did not come back in time: it may have been saved."""


class RefusedByStore(Exception):
    """PostgreSQL refuses this command's data; nothing was saved."""


def _fail(waiting: Waiting) -> None:
    waiting.fail(OutcomeUnknown() if waiting.sent else StoreUnavailable())


def _mark_sent(batch: list[Waiting], sent: bool) -> None:
    for waiting in batch:
        waiting.sent = sent


def _rolled_back(error: BaseException) -> bool:
    """Whether the server answered that it saved nothing (no room, a lock's time-out); FATAL may come at any time."""
    return isinstance(error, psycopg.Error) and error.diag.severity_nonlocalized == "ERROR"


class GroupCommit:
    """Saves commands in batches over one connection of its own.

    `connect` opens a connection for writing. `max_waiting` bounds the queue: past it a command is refused at once.
    `command_seconds`: from being handed over until its caller is answered, whatever happens. `call_seconds`: until a
    connection that does not answer is given up. `has_room`: asked at each command; without room it is refused at once.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection]],
        *,
        max_waiting: int = 20_000,
        command_seconds: float = COMMAND_DEADLINE_SECONDS,
        call_seconds: float = CALL_DEADLINE_SECONDS,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._connect = connect
        self._max_waiting = max_waiting
        self._command_seconds = command_seconds
        self._call_seconds = call_seconds
        self._has_room = has_room
        self._waiting = CommitQueue()
        self._in_call: list[Waiting] = []
        self._wake = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.figures = CommitFigures()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run()), loop.create_task(self._fail_overdue())]

    async def stop(self) -> None:
        """Save what waits, then leave. What cannot be saved by its deadline fails as such."""
        self._stopping = True
        self._wake.set()
        if self._tasks:
            writer, overdue = self._tasks
            await writer
            overdue.cancel()
            with suppress(asyncio.CancelledError):
                await overdue
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._in_call)

    def append(self, command: Append) -> asyncio.Future[Outcome]:
        """Resolves to Appended once the command is durable, or to the Conflict that kept it out.

        Fails with StoreUnavailable, OutcomeUnknown or RefusedByStore. Dropping or cancelling the future changes
        nothing: what was handed over is saved.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        if self._stopping or len(self._waiting) >= self._max_waiting or not self._has_room():
            future.set_exception(StoreUnavailable())
            return future
        deadline = loop.time() + self._command_seconds
        self._waiting.add(Waiting(command, future, deadline, time.perf_counter(), COMMIT_TIMES.get()))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            self._let_go_overdue()
            batch = self._waiting.take_batch()
            if batch:
                self._in_call = batch
                try:
                    await self._save(batch)
                except Exception:
                    # Whatever is wrong with this batch, the next one needs a writer.
                    for waiting in batch:
                        _fail(waiting)
                    log.exception("append_failed", commands=len(batch))
                self._in_call = []

    async def _save(self, batch: list[Waiting]) -> None:
        taken_at = time.perf_counter()
        try:
            encoded = encode([waiting.command for waiting in batch])
            outcomes = await self._send_until_known(encoded, batch)
        except (psycopg.DatabaseError, ValueError, StructError) as error:
            await self._isolate(batch, error)
            return
        if outcomes is None:
            for waiting in batch:
                _fail(waiting)
            return
        reached(CrashPoint.APPEND_COMMITTED)
        self.figures.saved(batch, taken_at, time.perf_counter())
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answer(outcome)
        if self._waiting:
            saved = [waiting for waiting, of in zip(batch, outcomes, strict=True) if isinstance(of, Appended)]
            self._waiting.refuse_taken(saved)

    async def _isolate(self, batch: list[Waiting], error: Exception) -> None:
        """Data that PostgreSQL refuses, or cannot even be sent, fails its own command: each half by itself."""
        if len(batch) == 1:
            sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
            log.error("append_refused", error=type(error).__name__, sqlstate=sqlstate)
            batch[0].fail(RefusedByStore(sqlstate or type(error).__name__))
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await self._save(half)

    async def _send_until_known(self, encoded: EncodedBatch, batch: list[Waiting]) -> list[Outcome] | None:
        """Send the same batch until an answer comes; None once nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        in_doubt = False
        while any(not waiting.answered and waiting.deadline > loop.time() for waiting in batch):
            try:
                with translated_faults():
                    connection = await self._connected()
                    if not in_doubt and any(waiting.answered for waiting in batch):
                        # While no connection came they were told that nothing was saved, and so it must stay.
                        batch[:] = [waiting for waiting in batch if not waiting.answered]
                        if not batch:
                            return None
                        encoded = encode([waiting.command for waiting in batch])
                    _mark_sent(batch, True)
                    reached(CrashPoint.APPEND_UNSENT)
                    with during(CrashPoint.APPEND_RUNNING):
                        return await within(self._call_seconds, connection, send(connection, encoded))
            except DatabaseUnavailable as fault:
                cause = fault.__cause__ or fault
                self.figures.broken_calls += 1
                log.warning("append_call_broken", error=type(cause).__name__, commands=len(batch))
                if _rolled_back(cause):
                    # No call is in doubt but one whose connection had broken before.
                    _mark_sent(batch, in_doubt)
                    if isinstance(cause, psycopg.errors.DiskFull) and not in_doubt:
                        return None  # room does not come within a caller's patience
                else:
                    in_doubt = in_doubt or batch[0].sent
                await self._drop_connection()
                await asyncio.sleep(RECONNECT_SECONDS)
        return None

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def _fail_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(OVERDUE_CHECK_SECONDS)
            for waiting in self._in_call:
                if waiting.deadline > loop.time():
                    break  # oldest first
                _fail(waiting)
            self._let_go_overdue()

    def _let_go_overdue(self) -> None:
        for waiting in self._waiting.take_overdue(asyncio.get_running_loop().time()):
            _fail(waiting)
