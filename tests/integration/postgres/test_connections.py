"""Connections and pools: their settings, their deadlines, and how they get over a lost server."""

from __future__ import annotations

import asyncio
import os
import signal

import psycopg
import psycopg_pool
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.postgres import connections
from infra.postgres.connections import connect, open_pool, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable, UnsupportedServer


async def settings(connection: connections.Connection, *names: str) -> dict[str, str]:
    cursor = await connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(names),))
    return dict(await cursor.fetchall())


async def test_no_connection_waits_for_long_whatever_the_server_says(dsn: str) -> None:
    async with await connect(dsn, application_name="orders") as connection:
        assert connection.autocommit
        assert await settings(
            connection,
            "application_name",
            "synchronous_commit",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "transaction_timeout",
        ) == {
            "application_name": "orders",
            "synchronous_commit": "on",
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": "2000",
            "transaction_timeout": "4000",
        }
        parameters = connection.info.get_parameters()
        assert {name: parameters[name] for name in ("keepalives_idle", "keepalives_interval", "keepalives_count")} == {
            "keepalives_idle": "5",
            "keepalives_interval": "2",
            "keepalives_count": "2",
        }


async def test_a_long_job_has_no_time_out_for_its_transaction(dsn: str) -> None:
    async with await connect(dsn, application_name="rebuild", transaction_timeout=None) as connection:
        assert await settings(connection, "transaction_timeout") == {"transaction_timeout": "0"}


async def test_version_16_does_not_know_the_transaction_time_out_and_works(dsn16: str) -> None:
    async with await connect(dsn16, application_name="orders", for_writing=True) as connection:
        assert await settings(connection, "lock_timeout", "transaction_timeout") == {"lock_timeout": "2000"}


async def test_an_older_server_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_OLDEST_SERVER", 190000)
    with pytest.raises(UnsupportedServer, match="16 or newer is needed; this server is 18"):
        await connect(dsn, application_name="orders")
    with pytest.raises(UnsupportedServer):
        await open_pool(dsn, application_name="orders", min_size=1, max_size=2)


async def test_what_the_connection_string_says_goes_over_our_defaults(dsn: str) -> None:
    async with await connect(f"{dsn} keepalives_idle=77", application_name="orders") as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "77"


async def test_a_database_that_is_not_there_is_unavailable(dsn: str) -> None:
    gone = f"host={conninfo_to_dict(dsn)['host']}/nowhere user=postgres"
    with pytest.raises(DatabaseUnavailable):
        await connect(gone, application_name="orders")
    with pytest.raises(DatabaseUnavailable):
        await open_pool(gone, application_name="orders", min_size=1, max_size=1)


async def test_a_lock_is_waited_for_two_seconds_and_then_the_database_is_unavailable(dsn: str) -> None:
    async with (
        await connect(dsn, application_name="holder") as holder,
        await connect(dsn, application_name="waiter") as waiter,
    ):
        await holder.execute("SELECT pg_advisory_lock(7)")
        with pytest.raises(DatabaseUnavailable, match="LockNotAvailable"), translated_faults():
            await waiter.execute("SELECT pg_advisory_xact_lock(7)")


async def test_an_error_in_a_statement_stays_what_it_is(dsn: str) -> None:
    async with await connect(dsn, application_name="orders") as connection:
        with pytest.raises(psycopg.errors.UndefinedTable), translated_faults():
            await connection.execute("SELECT FROM nowhere")


async def test_an_operation_within_its_deadline_gives_its_result(dsn: str) -> None:
    async with await connect(dsn, application_name="orders") as connection:
        cursor = await within(connection, connection.execute("SELECT 5"), 10)
        assert await cursor.fetchone() == (5,)


async def test_a_frozen_server_is_abandoned_at_the_deadline(dsn: str) -> None:
    async with asyncio.timeout(10), await connect(dsn, application_name="orders") as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseUnavailable, match="no answer within"):
                await within(connection, connection.execute("SELECT 1"), 0.2)
            assert connection.closed
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_a_pool_gives_working_connections_after_all_of_them_were_lost(dsn: str) -> None:
    pool = await open_pool(dsn, application_name="pooled", min_size=2, max_size=2)
    try:
        async with pool.connection() as connection:
            assert (await settings(connection, "transaction_timeout"))["transaction_timeout"] == "4000"
        async with await connect(dsn, application_name="operator") as operator:
            await operator.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'pooled'"
            )
        async with pool.connection(timeout=10) as connection:
            cursor = await connection.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)
    finally:
        await pool.close()


async def test_a_pool_without_a_free_connection_is_unavailable(dsn: str) -> None:
    pool = await open_pool(dsn, application_name="pooled", min_size=1, max_size=1, timeout=0.1)
    try:
        async with pool.connection():
            with pytest.raises(DatabaseUnavailable), translated_faults():
                async with pool.connection():
                    pytest.fail("there was a second connection")  # pragma: no cover
            with pytest.raises(psycopg_pool.PoolTimeout):
                await pool.getconn(timeout=0.01)
    finally:
        await pool.close()
