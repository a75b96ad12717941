"""What the tests of the event store save, and how they look at what was saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, time
from functools import partial
from typing import Any, LiteralString
from uuid import UUID, uuid4

from infra.event_store.append import Append, CapacityOverride, DestroyedNumber, IdempotencyRecord, NewEvent, SlotTaking
from infra.event_store.append_call import encode, send
from infra.event_store.field_encryption import StreamKey
from infra.event_store.group_commit import GroupCommit
from infra.event_store.outcomes import Outcome
from infra.postgres.connections import Connection, connect

WRITER_LOCK = 779501

DAY = date(2027, 5, 17)
MORNING = time(10)


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


def taking(
    held: int, sold: int = 0, *, capacity: int | None, admission: str = "MAIN", start: time | None = None
) -> SlotTaking:
    """Places of one day, of the whole of it where no start is given."""
    return SlotTaking(admission, DAY, start, held, sold, capacity)


def takes(*slots: SlotTaking, stream: UUID | None = None, version: int = 1) -> Append:
    """A command that takes places, or gives them back."""
    return Append(uuid4(), [event(stream, version)], slots=slots)


def sets(
    capacity: int | None, *, admission: str = "MAIN", start: time | None = None, stream: UUID | None = None
) -> Append:
    """An operator sets the capacity of a day, or of a slot of it."""
    override = CapacityOverride(admission, DAY, start, capacity)
    return Append(uuid4(), [event(stream, topic="allotment.overridden.v1")], override=override)


def shows(*numbers: str, order_id: UUID | None = None, version: int = 1) -> Append:
    """An order, whose stream is of its id, gets numbers."""
    order_id = order_id or uuid4()
    return Append(uuid4(), [event(order_id, version)], order_id=order_id, shown=numbers)


def destroys(order_id: UUID, *, remembered: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> Append:
    """What the order showed is destroyed: its tickets' and coupons' numbers, and those of its wallets."""
    destroyed = [DestroyedNumber(number, True) for number in remembered]
    destroyed += [DestroyedNumber(number, False) for number in others]
    return Append(uuid4(), [event(order_id, 2)], order_id=order_id, destroyed=destroyed)


def stream_key(stream: UUID) -> StreamKey:
    return StreamKey(stream, "test", b"wrapped")


async def save(connection: Connection, *commands: Append) -> list[Outcome]:
    """One call, without a writer."""
    return await send(connection, encode(commands))


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


async def allotments(connection: Connection) -> dict[tuple[str, time | None], tuple[Any, ...]]:
    """Of each slot of the day: held, sold, and the capacity that is set for it, `None` for no limit, "catalog" for none
    set."""
    found = await rows(
        connection,
        "select admission, nullif(slot_start, '24:00'), held, sold, overridden, capacity from allotments"
        " where visit_date = %s",
        DAY,
    )
    return {
        (admission, start): (held, sold, capacity if overridden else "catalog")
        for admission, start, held, sold, overridden, capacity in found
    }


async def numbers(connection: Connection) -> dict[str, tuple[UUID, bool]]:
    """Whose each number is, and whether it lives."""
    found = await rows(connection, "select number, order_id, living from shown_numbers")
    return {number: (order_id, living) for number, order_id, living in found}


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
