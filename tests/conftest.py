"""What every test may use: a real PostgreSQL with the schema in it, and the proof that nothing holds the event loop."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from blockbuster import blockbuster_ctx
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.loop_watchdog import LoopWatchdog
from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries

_LONGEST_HOLD_SECONDS = 0.1

# Of a run's servers, shared by its workers. Not pytest's own folder: that one is closed to the user that runs
# PostgreSQL for root, and its path may be too long for a socket.
_RUN_FOLDER = "CHANNEL_MANAGER_TEST_RUN"
_RUN_PREFIX = "cm-tests-"

# Tests need no durability, except those of the life cycle, which start servers of their own.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        for folder in Path(tempfile.gettempdir()).glob(f"{_RUN_PREFIX}*"):
            if not _runs(int(folder.name.removeprefix(_RUN_PREFIX).partition("-")[0])):
                _remove(folder)
        folder = Path(tempfile.mkdtemp(prefix=f"{_RUN_PREFIX}{os.getpid()}-"))
        folder.chmod(0o755)
        os.environ[_RUN_FOLDER] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _remove(Path(os.environ.pop(_RUN_FOLDER)))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(folder: Path) -> None:
    """Remove a run's folder, and what a run or a worker that was killed left running in it."""
    for version in (18, 16):
        cluster = folder / str(version) / f"pg{version}"
        if cluster.exists():
            leftover = ClusterProcesses([cluster], binaries(version), choose(cluster))
            while leftover.kill():
                pass
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails an asynchronous test that makes a blocking call on the loop, or holds it for long in any other way."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    request.getfixturevalue("_watched_loop")
    with blockbuster_ctx() as blockbuster:
        # What the time-out plugin prints when a test hangs.
        blockbuster.functions["io.TextIOWrapper.write"].can_block_in(
            "pytest_timeout.py", {"dump_stacks", "timeout_sigalrm"}
        )
        yield


@pytest.fixture
async def _watched_loop() -> AsyncIterator[None]:
    with LoopWatchdog(threshold=_LONGEST_HOLD_SECONDS) as watchdog:
        yield
    hold = watchdog.take_worst()
    if hold.seconds > _LONGEST_HOLD_SECONDS:
        pytest.fail(f"the event loop was held for {hold.seconds * 1000:.0f} ms, here:\n{hold.stack}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The server of this run (version 18), shared by its workers; the last one out stops it."""
    with EmbeddedPostgres(Path(os.environ[_RUN_FOLDER]) / "18", 18, settings=FAST) as server:
        yield server


@pytest.fixture(scope="session")
def postgres16() -> Iterator[EmbeddedPostgres]:
    """The same in the oldest version that we support."""
    with EmbeddedPostgres(Path(os.environ[_RUN_FOLDER]) / "16", 16, settings=FAST) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """Name of a database with the whole schema, to clone."""
    return _migrated_template(postgres)


@pytest.fixture(scope="session")
def template16(postgres16: EmbeddedPostgres) -> str:
    """The same on version 16."""
    return _migrated_template(postgres16)


@pytest.fixture
def dsn(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Connection string of a database of the test's own, with the schema in it."""
    with _database(postgres, template) as dsn:
        yield dsn


@pytest.fixture
def dsn16(postgres16: EmbeddedPostgres, template16: str) -> Iterator[str]:
    """The same on version 16."""
    with _database(postgres16, template16) as dsn:
        yield dsn


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Connection string of a database of the test's own with nothing in it."""
    with _database(postgres, "template1") as dsn:
        yield dsn


@contextmanager
def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield make_conninfo(server.dsn, dbname=name)
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _migrated_template(server: EmbeddedPostgres) -> str:
    """Make the template, once for all workers."""
    name = "migrated"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        # Held by the session; the other workers wait here for the one that makes it.
        connection.execute("SELECT pg_advisory_lock(1)")
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if known is None:
            connection.execute("CREATE DATABASE migrating")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, migrate(make_conninfo(server.dsn, dbname="migrating"))).result()
            connection.execute(sql.SQL("ALTER DATABASE migrating RENAME TO {}").format(sql.Identifier(name)))
    return name
