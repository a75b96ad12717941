"""What the tests of the event store save, and how they look at what was saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, LiteralString
from uuid import UUID, uuid4

from infra.event_store.append import Append, IdempotencyRecord, NewEvent, Outcome
from infra.event_store.field_encryption import StreamKey
from infra.event_store.group_commit import GroupCommit
from infra.postgres.connections import Connection, connect

WRITER_LOCK = 779501


def event(
    stream: UUID | None = None, version: int = 1, topic: str = "order.scheduled.v1", state: bytes = b"{}"
) -> NewEvent:
    """An event in a stream of its own, where none is given."""
    return NewEvent(stream or uuid4(), version, topic, state)


def record(scope: bytes | None = None, status: int = 202) -> IdempotencyRecord:
    """A record of an Idempotency-Key that nobody else uses, where none is given."""
    return IdempotencyRecord(scope or uuid4().bytes, b"body", uuid4(), 1, status)


def command(*events: NewEvent, keys: tuple[StreamKey, ...] = (), record: IdempotencyRecord | None = None) -> Append:
    return Append(uuid4(), events, keys, record)


def stream_key(stream: UUID) -> StreamKey:
    return StreamKey(stream, "test", b"wrapped")


@asynccontextmanager
async def opened_writer(dsn: str, *, transaction_timeout: float = 4.0, **options: Any) -> AsyncIterator[GroupCommit]:
    """A group commit over the database, with the constructor's options."""
    connecting = partial(
        connect, dsn, application_name="test writer", for_writing=True, transaction_timeout=transaction_timeout
    )
    writer = GroupCommit(connecting, **options)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[Connection]:
    """A session of the test's own, in autocommit mode, whose transactions may stay open for long."""
    async with await connect(dsn, application_name="test", for_writing=True, transaction_timeout=None) as connection:
        await connection.execute("set idle_in_transaction_session_timeout = 0")
        await connection.execute("set lock_timeout = 0")
        yield connection


@asynccontextmanager
async def writer_lock(dsn: str) -> AsyncIterator[Connection]:
    """Hold the lock that every writer takes, in a session of its own."""
    async with session(dsn) as holder, holder.transaction():
        await holder.execute("select pg_advisory_xact_lock(%s)", (WRITER_LOCK,))
        yield holder


async def rows(connection: Connection, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, parameters)).fetchall()


async def value(connection: Connection, query: LiteralString, *parameters: object) -> Any:
    """The first field of the only row."""
    ((field, *_),) = await rows(connection, query, *parameters)
    return field


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.005)


async def backends_at_the_lock(connection: Connection) -> list[int]:
    """The pids of the backends that wait for the writer lock of this database, those who waited longest first."""
    return [
        pid
        for (pid,) in await rows(
            connection,
            "select l.pid from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()"
            " where l.locktype = 'advisory' and l.objid = %s and not l.granted order by l.waitstart",
            WRITER_LOCK,
        )
    ]


async def until_waiting(connection: Connection, count: int = 1) -> None:
    """Wait until so many writers stand at the lock."""

    async def waiting() -> bool:
        return len(await backends_at_the_lock(connection)) == count

    await until(waiting)


async def outcome_of(future: asyncio.Future[Outcome]) -> Outcome | type[BaseException]:
    """What the caller of an append gets: the outcome, or the class of the error."""
    try:
        return await future
    except Exception as error:
        return type(error)
