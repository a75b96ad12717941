"""The whole examination, in the order in which it is told. What cannot be looked at is a finding, never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import psycopg

from infra.postgres.connections import connect, translated_faults
from infra.postgres.errors import DatabaseUnavailable, EmbeddedPostgresError, UnsupportedServer
from projections.directory import Directory
from projections.orders import OrdersInFlight
from services.bootstrap import database, store
from services.doctor import clock, host, keys, log, schema, server, versions
from services.doctor.finding import Finding, fail
from services.feeds import kafka_standing
from services.settings import Settings
from services.status import StatusReport


async def examine(settings: Settings, now: Callable[[], datetime]) -> list[Finding]:
    """Every check once. An embedded server is started where it does not run, and stopped again."""
    found = await asyncio.to_thread(versions.of_program)
    found += await _looked("host", lambda: asyncio.to_thread(host.of_host, settings))
    found += await _looked("key files", lambda: asyncio.to_thread(_key_files, settings))
    try:
        async with database(settings) as opened:
            found += await _of_database(settings, opened.dsn, now)
    except EmbeddedPostgresError as error:
        advice = "Do as it says, or see postgres.log in the data folder."
        found.append(fail("database", " ".join(str(error).split()), advice))
    return found


async def _of_database(settings: Settings, dsn: str, now: Callable[[], datetime]) -> list[Finding]:
    try:
        connection = await connect(dsn, application_name="channel-manager doctor", transaction_timeout=None)
    except DatabaseUnavailable as error:
        advice = "See that the server runs, and that DATABASE_URL names it, its user and its password."
        return [fail("database", f"cannot be reached: {error}", advice)]
    except UnsupportedServer as error:
        return [fail("postgresql", str(error), "Upgrade the server.")]
    async with connection:
        found = await _looked("server", lambda: server.of_server(connection))
        found += await _looked("clock", lambda: clock.of_clocks(connection, now))
        current = await _looked("migrations", lambda: _one(schema.of_schema(dsn)))
        found += current
        if all(finding.state != "fail" for finding in current):
            found += await _looked("master key", lambda: _one(keys.of_master_key(settings, connection)))
            found += await _looked("positions", lambda: _one(log.of_positions(connection)))
            found += await _looked("log's clock", lambda: clock.of_log(connection))
            if settings.kafka is None:  # with it, all issuers work
                found += await _looked("issuer's lease", lambda: _one(log.of_workers(connection)))
            found += await _looked("status", lambda: _of_status(settings, now))
    return found


async def _of_status(settings: Settings, now: Callable[[], datetime]) -> list[Finding]:
    async with store(settings, migrates=False) as opened:
        kafka = kafka_standing(settings, at_once=True)
        directory = Directory(opened.recorder, opened.mapper)
        await directory.refresh()
        in_flight = OrdersInFlight(opened.reads)
        figures = await StatusReport(opened.reads, in_flight, directory, now=now, kafka=kafka).read()
        return [*log.of_figures(figures), await keys.of_operators(settings, directory)]


async def _looked(check: str, look: Callable[[], Awaitable[Sequence[Finding]]]) -> list[Finding]:
    try:
        with translated_faults():
            return [*await look()]
    except (DatabaseUnavailable, psycopg.Error, OSError) as error:
        # The first line alone: others may quote what was sent.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return [fail(check, f"could not be looked at: {reason}", "Mend this first, then ask again.")]


async def _one(finding: Awaitable[Finding]) -> list[Finding]:
    return [await finding]


def _key_files(settings: Settings) -> list[Finding]:
    return [keys.of_files(settings)]
