"""A server that is set up wrongly, one fault at a time."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from services.doctor.server import collation_finding
from tests.integration.doctor.examined import examined, spoil, state_of
from tests.integration.doctor.pooler import Pooler


def test_nothing_is_wrong_with_a_database_as_the_service_makes_it(dsn: str) -> None:
    """But that this run's server is not durable: tests need no durability."""
    assert _wrong(dsn) == {"durability": "fail"}


def test_the_oldest_version_that_is_supported_works_and_is_told(dsn16: str) -> None:
    assert _wrong(dsn16) == {"durability": "fail", "postgresql": "warn", "data checksums": "warn"}


@pytest.mark.parametrize(
    ("check", "statement", "state"),
    [
        ("synchronous_commit", "alter database {database} set synchronous_commit = off", "warn"),
        ("synchronous_commit", "alter database {database} set synchronous_commit = local", "warn"),
        ("writable", "alter database {database} set default_transaction_read_only = on", "fail"),
        ("time-outs", "alter database {database} set statement_timeout = '3s'", "warn"),
        ("time-outs", "alter database {database} set idle_session_timeout = '10min'", "warn"),
        (
            "collation",
            "update pg_database set datcollversion = '0' where datname = current_database()",
            "fail",
        ),
    ],
)
def test_a_setting_of_the_database(check: str, statement: str, state: str, dsn: str) -> None:
    spoil(dsn, statement)
    assert state_of(check, dsn) == state


def test_a_database_in_another_encoding(postgres: EmbeddedPostgres) -> None:
    name = f"test_{uuid.uuid4().hex}"
    spoil(postgres.dsn, f"create database {name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'")
    try:
        assert state_of("encoding", make_conninfo(postgres.dsn, dbname=name)) == "fail"
    finally:
        spoil(postgres.dsn, f"drop database {name} with (force)")


@pytest.mark.parametrize(
    ("of_database", "state"),
    [
        (("b", "C.UTF-8", "1", "1"), "ok"),
        (("c", "C", None, None), "ok"),
        (("c", "C.UTF-8", None, None), "ok"),
        (("c", "en_US.UTF-8", "2.36", "2.36"), "warn"),
        (("c", "en_US.UTF-8", "2.31", "2.36"), "fail"),
        (("i", "en", "153.120", "153.120"), "warn"),
    ],
)
def test_a_collation(of_database: tuple[str, str, str | None, str | None], state: str) -> None:
    """Which ones a machine has, differs: so by what the database tells of it."""
    assert collation_finding(*of_database).state == state


def test_what_only_the_server_itself_can_have_wrong(data: Path) -> None:
    with EmbeddedPostgres(data, settings={"max_connections": "20", "autovacuum": "off"}) as server:
        assert _wrong(server.dsn) == {"connections": "warn", "autovacuum": "warn", "migrations": "fail"}
    with EmbeddedPostgres(data, settings={"wal_level": "minimal", "max_wal_senders": "0"}) as server:
        assert _wrong(server.dsn) == {"wal_level": "warn", "migrations": "fail"}


def test_a_standby_and_a_cluster_without_checksums(data: Path) -> None:
    with EmbeddedPostgres(data):
        pass
    cluster = data / "pg18"
    status, output = choose(cluster).run([binaries(18) / "pg_checksums", "--disable", "-D", cluster], cwd=cluster)
    assert status == 0, output
    cluster.joinpath("standby.signal").touch()
    with EmbeddedPostgres(data) as server:
        found = examined(server.dsn)
    assert found["data checksums"].state == "warn"
    assert found["writable"].finding == "the server is a standby"
    assert found["direct connection"].state == "warn"


async def test_a_transaction_pooler_passes_no_notification_on(dsn: str) -> None:
    async with Pooler(dsn) as pooler:
        url = {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{pooler.port}/{pooler.database}?sslmode=disable"}
        assert await asyncio.to_thread(state_of, "direct connection", dsn, **url) == "warn"
        pooler.swallows_notifications = True
        assert await asyncio.to_thread(state_of, "direct connection", dsn, **url) == "fail"


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cm-doctor-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


def _wrong(dsn: str) -> dict[str, str]:
    return {check: finding.state for check, finding in examined(dsn).items() if finding.state != "ok"}
