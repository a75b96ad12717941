"""The schema's migrations: plain SQL files, applied in the order of their names, once, under a lock."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.resources
import time
from dataclasses import dataclass

import psycopg
import structlog
from psycopg.pq import TransactionStatus

from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import Connection, connect, translated_faults
from infra.postgres.errors import DatabaseUnavailable, MigrationError

_LOCK = 0x0CA_0001
_LOCK_SECONDS = 120.0
_POLL_SECONDS = 0.1
_ATTEMPTS = 10

_log = structlog.get_logger()


@dataclass(frozen=True)
class Migration:
    """One file: its name without the suffix, its SQL, and the hash by which a later change of it is noticed."""

    name: str
    sql: bytes

    @property
    def sha256(self) -> bytes:
        """Over the text with plain line ends, so that a checkout on another system is no change."""
        return hashlib.sha256(self.sql.replace(b"\r\n", b"\n")).digest()


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing, each file in one transaction with its record. Returns the names, in order.

    Processes that do so at once wait for each other. The schema may be newer than this code (an upgrade that rolls:
    migrations expand first), which is logged. Raises MigrationError, DatabaseUnavailable, UnsupportedServer.
    """
    migrations = await asyncio.to_thread(_load)
    connection = await connect(
        dsn, application_name="channel-manager migrate", for_writing=True, transaction_timeout=None
    )
    with translated_faults():
        async with connection:
            await _lock(connection)
            await _make_table(connection)
            missing, unknown = await _compared(connection, migrations)
            _tell_newer(unknown)
            for migration in missing:
                await _apply(connection, migration)
                _log.info("migration_applied", migration=migration.name)
                reached(CrashPoint.MIGRATION_COMMITTED)
            return [migration.name for migration in missing]


async def pending(dsn: str) -> list[str]:
    """The names of the migrations that `migrate` would apply. Changes nothing; raises as `migrate` does."""
    missing, unknown = await standing(dsn)
    _tell_newer(unknown)
    return missing


async def standing(dsn: str) -> tuple[list[str], list[str]]:
    """The migrations that `migrate` would apply, and those of a newer version, which it leaves alone: their names.

    Changes nothing; raises as `migrate` does.
    """
    migrations = await asyncio.to_thread(_load)
    connection = await connect(dsn, application_name="channel-manager migrate")
    with translated_faults():
        async with connection:
            cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
            if await cursor.fetchone() == (False,):
                return [migration.name for migration in migrations], []
            missing, unknown = await _compared(connection, migrations)
            return [migration.name for migration in missing], unknown


def _load() -> list[Migration]:
    folder = importlib.resources.files("infra.postgres").joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(file.name.removesuffix(".sql"), file.read_bytes()) for file in files]


async def _lock(connection: Connection) -> None:
    """A lock of the session, so that it outlives the single transactions; asked for again and again, because waiting
    for it would run into the connection's lock time-out."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        if await cursor.fetchone() == (True,):
            return
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"another process has been migrating the schema for {_LOCK_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


async def _make_table(connection: Connection) -> None:
    try:
        await connection.execute(
            'CREATE TABLE IF NOT EXISTS schema_migrations (name text COLLATE "C" PRIMARY KEY, sha256 bytea NOT NULL,'
            " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(f"the role in DATABASE_URL may not make tables: {error.diag.message_primary}") from error


def _tell_newer(unknown: list[str]) -> None:
    if unknown:
        _log.warning("schema_is_newer", migrations=unknown)


async def _compared(connection: Connection, migrations: list[Migration]) -> tuple[list[Migration], list[str]]:
    """What is not applied yet, and the names of what is applied and not known here."""
    cursor = await connection.execute("SELECT name, sha256 FROM schema_migrations")
    applied = {name: bytes(sha256) for name, sha256 in await cursor.fetchall()}
    for migration in migrations:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"migration {migration.name} was changed after it was applied to this database: put the file back, and "
                "make the change in a new migration"
            )
    names = {migration.name for migration in migrations}
    newest = max(names, default="")
    unknown = sorted(applied.keys() - names)
    if foreign := [name for name in unknown if name < newest]:
        raise MigrationError(
            f"this database has migrations that this version never had ({', '.join(foreign)}): it belongs to another "
            "line of versions"
        )
    return [migration for migration in migrations if migration.name not in applied], unknown


async def _apply(connection: Connection, migration: Migration) -> None:
    """Apply one file. A table in use makes it wait at most the lock time-out, so that it never stops the traffic behind
    it; then it is tried again."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(migration.sql)
                if connection.info.transaction_status is not TransactionStatus.INTRANS:
                    raise MigrationError(f"migration {migration.name} ends its own transaction: it must not COMMIT")
                await connection.execute(
                    "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", (migration.name, migration.sha256)
                )
                reached(CrashPoint.MIGRATION_UNCOMMITTED)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if attempt == _ATTEMPTS:
                raise MigrationError(f"migration {migration.name} found its tables in use: try again later") from error
            _log.warning("migration_waits", name=migration.name, attempt=attempt)
            await asyncio.sleep(_POLL_SECONDS * attempt)
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as error:
            raise MigrationError(f"migration {migration.name} failed: {error}") from error
