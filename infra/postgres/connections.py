"""Connections to PostgreSQL, all set up alike: none of them waits for long, whatever the server's defaults are.

Nothing here blocks the event loop: psycopg's asynchronous connection resolves names through the loop (its
`getaddrinfo`, in a thread) and speaks over non-blocking sockets. libpq itself only reads small local files (a password
file, certificates). Kerberos would block, so it is off unless the connection string asks for it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.postgres import deadline
from infra.postgres.errors import DatabaseUnavailable, UnsupportedServer

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
T = TypeVar("T")


class Pool(psycopg_pool.AsyncConnectionPool[Connection]):
    """A pool that keeps its caller's cancellation."""

    async def getconn(self, timeout: float | None = None) -> Connection:
        """A connection; give it back by `putconn`, or use `async with pool.connection()`."""
        cancellations = _cancellations()
        connection = await super().getconn(timeout)
        if _cancellations() > cancellations:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


_ANSWER_SECONDS = 2.0
_OLDEST_SERVER = 160000
_TRANSACTION_TIMEOUT_SINCE = 170000

# What the connection string does not say itself.
_DEFAULTS = {
    "connect_timeout": "2",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "5000",
    "gssencmode": "disable",
}

_FAULTS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # Time-outs and a server that became a standby are told as "internal error" (class 25).
    psycopg.errors.TransactionTimeout,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg_pool.PoolTimeout,
    psycopg_pool.PoolClosed,
    psycopg_pool.TooManyRequests,
    OSError,
)


async def connect(
    dsn: str, *, application_name: str, for_writing: bool = False, transaction_timeout: float | None = 4.0
) -> Connection:
    """A new connection in autocommit mode, with our time-outs, after at most about 2 s an address.

    `for_writing`: only to a server that accepts writes (of several hosts in `dsn`, the primary). `transaction_timeout`:
    seconds, None for long jobs; servers before 17 do not know it. Raises DatabaseUnavailable, UnsupportedServer.
    """
    with translated_faults():
        cancellations = _cancellations()
        connection = await psycopg.AsyncConnection.connect(
            _conninfo(dsn, application_name, for_writing=for_writing), autocommit=True
        )
        try:
            if _cancellations() > cancellations:
                raise asyncio.CancelledError
            await within(connection, _set_up(connection, transaction_timeout), _ANSWER_SECONDS)
        except BaseException:
            await connection.close()
            raise
    return connection


async def open_pool(
    dsn: str,
    *,
    application_name: str,
    min_size: int,
    max_size: int,
    for_writing: bool = False,
    transaction_timeout: float | None = 4.0,
    timeout: float = 2.0,
    settings: Mapping[str, str] | None = None,
) -> Pool:
    """An open pool of such connections, each checked when it is handed out. Close it with `await pool.close()`.

    `timeout`: seconds to wait for a free connection (then psycopg_pool.PoolTimeout; see `translated_faults`).
    `settings`: the server's, of these sessions, over our own. Raises DatabaseUnavailable or UnsupportedServer when the
    database cannot be used now.
    """
    first = await connect(dsn, application_name=application_name, for_writing=for_writing)
    await first.close()

    async def set_up(connection: Connection) -> None:
        await within(connection, _set_up(connection, transaction_timeout, settings), _ANSWER_SECONDS)

    pool = Pool(
        _conninfo(dsn, application_name, for_writing=for_writing),
        kwargs={"autocommit": True},
        min_size=min_size,
        max_size=max_size,
        open=False,
        configure=set_up,
        check=_check,
        name=application_name,
        timeout=timeout,
        # Given up early, so that the next caller tries afresh: the pool's own pauses double without end, and a
        # database that came back would wait for the end of the last one.
        reconnect_timeout=1.0,
    )
    with translated_faults():
        try:
            await pool.open(wait=True, timeout=10.0)
        except BaseException:
            await pool.close()
            raise
    return pool


async def within(connection: Connection, operation: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of `operation`, which uses `connection`; after `seconds` the connection is abandoned and closed.

    Raises DatabaseUnavailable after the deadline, whether or not the operation took effect, and for the faults that
    mean "not now".
    """
    with translated_faults():
        try:
            return await deadline.within(seconds, connection, operation)
        except deadline.DeadlinePassed:
            # Its user lets go as soon as it reads the end of the conversation. Closed under its hands, the descriptor
            # would go to the next connection while the old one still watches it.
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0), connection.lock:
                    await connection.close()
            raise DatabaseUnavailable(f"no answer within {seconds:g} s") from None


async def _check(connection: Connection) -> None:
    """Whether the connection still works. One that its server left has something to read: the end.

    Only such a one is asked: asking each cost a round trip and 150 µs every time that one was handed out.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if not waiting.poll(0):
        return
    # With a deadline, for a frozen server never answers.
    await within(connection, psycopg_pool.AsyncConnectionPool.check_connection(connection), _ANSWER_SECONDS)


@contextmanager
def translated_faults() -> Iterator[None]:
    """Turn the faults that mean "not now" into DatabaseUnavailable; an error in a statement stays as it is."""
    try:
        yield
    except _FAULTS as error:
        raise DatabaseUnavailable(f"{type(error).__name__}: {_first_line(error)}") from error


def _cancellations() -> int:
    """How often the running task was told to end.

    `asyncio.wait_for`, on which psycopg and its pool wait, loses a cancellation that comes together with the result
    before Python 3.12: the task would go on for ever. Whoever waits for them compares this number.
    """
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def _conninfo(dsn: str, application_name: str, *, for_writing: bool) -> str:
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    parameters = {**_DEFAULTS, **given, "application_name": application_name}
    if for_writing:
        parameters["target_session_attrs"] = "read-write"
    return make_conninfo(**parameters)


async def _set_up(
    connection: Connection, transaction_timeout: float | None, chosen: Mapping[str, str] | None = None
) -> None:
    version = connection.info.server_version
    if version < _OLDEST_SERVER:
        raise UnsupportedServer(f"PostgreSQL 16 or newer is needed; this server is {version // 10000}")
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "2s",
        "timezone": "UTC",
    }
    if version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = f"{round((transaction_timeout or 0) * 1000)}ms"
    settings.update(chosen or {})
    # After connecting, not as a start-up option: an older server would refuse the one that it does not know.
    await connection.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting(name, value)",
        (list(settings), list(settings.values())),
    )
