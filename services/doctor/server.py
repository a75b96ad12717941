"""The database server: its version and settings, and whether we speak to it directly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from psycopg.rows import TupleRow

from infra.postgres.connections import Connection
from services.doctor.finding import Finding, fail, graded, ok, warn

_ANSWER_SECONDS = 2.0
_CHANNEL = "channel_manager_doctor"

# A process with every role holds up to so many connections.
_PROCESS_CONNECTIONS = 12

_SETTINGS = (
    "autovacuum",
    "data_checksums",
    "default_transaction_read_only",
    "fsync",
    "full_page_writes",
    "idle_session_timeout",
    "max_connections",
    "reserved_connections",
    "server_encoding",
    "statement_timeout",
    "superuser_reserved_connections",
    "synchronous_commit",
    "wal_level",
)

_COLLATION = """
select datlocprovider::text, datcollate, datcollversion, pg_database_collation_actual_version(oid)
from pg_database where datname = current_database()
"""
_LOCALE_18 = "select coalesce(datlocale, datcollate) from pg_database where datname = current_database()"
_LOCALE_16 = "select coalesce(daticulocale, datcollate) from pg_database where datname = current_database()"

_BYTE_ORDER = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8", "PG_C_UTF8", "PG_UNICODE_FAST"})


async def of_server(connection: Connection) -> list[Finding]:
    """`connection`: in autocommit mode. What the sessions of the service set for themselves is not looked at."""
    cursor = await connection.execute(
        "select name, reset_val from pg_settings where name = any(%s)", (list(_SETTINGS),)
    )
    settings: dict[str, str] = dict(await cursor.fetchall())
    standby = await _one(connection, "select pg_is_in_recovery()")
    return [
        _version(connection),
        _writable(settings, standby=bool(standby[0])),
        _durability(settings),
        _synchronous_commit(settings),
        _encoding(settings),
        await _collation(connection),
        _checksums(settings),
        _wal_level(settings),
        _autovacuum(settings),
        _timeouts(settings),
        await _connections(connection, settings),
        await _direct(connection, standby=bool(standby[0])),
    ]


def _version(connection: Connection) -> Finding:
    number = connection.info.server_version
    finding = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number < 170000:
        advice = (
            "Upgrade to 17 or newer when you can: before it, no transaction of the service ends by its own time-out."
        )
        return warn("postgresql", finding, advice)
    return ok("postgresql", finding)


def _writable(settings: Mapping[str, str], *, standby: bool) -> Finding:
    if standby:
        return fail(
            "writable", "the server is a standby", "Name the primary in DATABASE_URL: nothing can be saved here."
        )
    if settings["default_transaction_read_only"] == "on":
        advice = "Set default_transaction_read_only = off for this database and role: nothing can be saved."
        return fail("writable", "transactions are read-only by default", advice)
    return ok("writable", "it accepts writes")


def _durability(settings: Mapping[str, str]) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if settings[name] != "on"]
    if off:
        advice = "Set them on at once: a crash of this machine loses what was accepted, or the whole database."
        return fail("durability", f"{' and '.join(off)} off", advice)
    return ok("durability", "fsync and full_page_writes are on")


def _synchronous_commit(settings: Mapping[str, str]) -> Finding:
    value = settings["synchronous_commit"]
    if value in {"off", "local"}:
        advice = (
            "Set synchronous_commit = on. The service does so for its own sessions; other writers may lose commits."
        )
        return warn("synchronous_commit", f"{value} by default", advice)
    return ok("synchronous_commit", value)


def _encoding(settings: Mapping[str, str]) -> Finding:
    value = settings["server_encoding"]
    if value != "UTF8":
        advice = "Make a database with ENCODING 'UTF8' TEMPLATE template0: here many names cannot be stored."
        return fail("encoding", value, advice)
    return ok("encoding", value)


async def _collation(connection: Connection) -> Finding:
    provider, collation, recorded, actual = await _one(connection, _COLLATION)
    (locale,) = await _one(connection, _LOCALE_18 if connection.info.server_version >= 170000 else _LOCALE_16)
    return collation_finding(provider, locale if provider in {"b", "i"} else collation, recorded, actual)


def collation_finding(provider: str, shown: str, recorded: str | None, actual: str | None) -> Finding:
    """`provider`: a letter of pg_database. `recorded`, `actual`: the collation's version, when it was made and now."""
    kind = {"b": "builtin", "c": "libc", "i": "icu"}.get(provider, provider)
    if recorded is not None and actual is not None and recorded != actual:
        advice = "REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION: indexes on text may be wrong."
        return fail("collation", f"{shown} ({kind}) was {recorded} when made, and is {actual} now", advice)
    if provider != "i" and shown in _BYTE_ORDER:
        return ok("collation", f"{shown} ({kind})")
    advice = "Prefer C.UTF-8 for a new database: this order is the system library's, which changes with its versions."
    return warn("collation", f"{shown} ({kind})", advice)


def _checksums(settings: Mapping[str, str]) -> Finding:
    if settings["data_checksums"] != "on":
        advice = "Stop the server and run pg_checksums --enable: without them, a page that rots on disk goes unseen."
        return warn("data checksums", "off", advice)
    return ok("data checksums", "on")


def _wal_level(settings: Mapping[str, str]) -> Finding:
    if settings["wal_level"] == "minimal":
        advice = "Set wal_level = replica and restart the server: without it there is no backup while it runs."
        return warn("wal_level", "minimal", advice)
    return ok("wal_level", settings["wal_level"])


def _autovacuum(settings: Mapping[str, str]) -> Finding:
    if settings["autovacuum"] != "on":
        return warn("autovacuum", "off", "Set autovacuum = on: tables grow, and plans are made without statistics.")
    return ok("autovacuum", "on")


def _timeouts(settings: Mapping[str, str]) -> Finding:
    set_to = {name: settings[name] for name in ("statement_timeout", "idle_session_timeout") if settings[name] != "0"}
    if set_to:
        advice = (
            "Set them to 0 for the service's role: it has its own; these end migrations, rebuilds and idle listeners."
        )
        return warn("time-outs", ", ".join(f"{name} is {value} ms" for name, value in set_to.items()), advice)
    return ok("time-outs", "none but those that the service sets itself")


async def _connections(connection: Connection, settings: Mapping[str, str]) -> Finding:
    (taken,) = await _one(connection, "select count(*) from pg_stat_activity where backend_type = 'client backend'")
    most = int(settings["max_connections"])
    reserved = int(settings["superuser_reserved_connections"]) + int(settings.get("reserved_connections", "0"))
    advice = f"Raise max_connections: a process with all roles holds up to {_PROCESS_CONNECTIONS}."
    usable = most - reserved
    finding = f"{taken} of {usable} taken"
    if usable - taken < 1:
        return fail("connections", finding, advice)
    return graded(
        "connections", usable, finding, advice, fail_below=_PROCESS_CONNECTIONS, warn_below=2 * _PROCESS_CONNECTIONS
    )


async def _direct(connection: Connection, *, standby: bool) -> Finding:
    """Whether what we LISTEN to arrives, and whether it is the server itself that we speak to."""
    advice = "Give DATABASE_URL a direct connection, or a session pooler: a transaction pooler passes no NOTIFY on."
    if standby:
        return warn("direct connection", "not tried: a standby knows no LISTEN", advice)
    await connection.execute(f"listen {_CHANNEL}")
    await connection.execute(f"notify {_CHANNEL}")
    heard = False
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            async for _ in connection.notifies(timeout=_ANSWER_SECONDS, stop_after=1):
                heard = True
    except TimeoutError:
        pass
    await connection.execute(f"unlisten {_CHANNEL}")
    if not heard:
        return fail("direct connection", "what was notified did not arrive", advice)
    (pid,) = await _one(connection, "select pg_backend_pid()")
    if pid != connection.info.backend_pid:
        return warn("direct connection", "a pooler stands between; LISTEN works now", advice)
    return ok("direct connection", "LISTEN works, and no pooler stands between")


async def _one(connection: Connection, query: str) -> TupleRow:
    row = await (await connection.execute(query.encode())).fetchone()
    assert row is not None  # noqa: S101 - each of these queries has a row
    return row
