"""An examination of a database as the service's own, by name of the check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from services.doctor.examination import examine
from services.doctor.finding import Finding
from services.settings import read_settings
from tests.integration.cli.conftest import own_database


def clock() -> datetime:
    return datetime.now(UTC)


def examined(dsn: str, *, now: Callable[[], datetime] = clock, **settings: str) -> dict[str, Finding]:
    given = {**own_database(dsn), "OTA_CM_PORT": "0", **settings}
    findings = asyncio.run(examine(read_settings(given), now))
    by_check = {finding.check: finding for finding in findings}
    assert len(by_check) == len(findings)
    assert all((finding.state == "ok") is (finding.advice is None) for finding in findings)
    return by_check


def state_of(check: str, dsn: str, **options: Any) -> str:
    return examined(dsn, **options)[check].state


def spoil(dsn: str, statement: str) -> None:
    """Break something with SQL. `{database}` in the statement is the database's name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname).as_string(connection)
        connection.execute(statement.replace("{database}", name).encode())
