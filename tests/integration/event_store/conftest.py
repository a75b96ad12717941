"""Databases and servers for the tests of the event store."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries


@pytest.fixture(params=["dsn", "dsn16"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """A database on the newest version of PostgreSQL, and on the oldest that we support."""
    dsn: str = request.getfixturevalue(request.param)
    return dsn


class OwnServer:
    """A server of one test's own, to be stopped, frozen and killed; as durable as in production."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedPostgres(folder)
        self.server.start()
        cluster = folder / "pg18"
        self.processes = ClusterProcesses([cluster], binaries(18), choose(cluster))

    def migrate(self) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, migrate(self.dsn)).result()

    @property
    def dsn(self) -> str:
        return self.server.dsn

    def kill_postmaster(self) -> None:
        pid = self.server.postmaster_pid
        assert pid is not None
        assert self.processes.signal(pid, signal.SIGKILL)

    def signal_all(self, number: signal.Signals) -> None:
        """Freeze all processes of the server, or have them go on."""
        for pid in self.processes.pids():
            self.processes.signal(pid, number)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    parent = Path(tempfile.mkdtemp(prefix="cm-store-"))
    parent.chmod(0o755)
    own = OwnServer(parent / "data")
    try:
        own.migrate()
        yield own
    finally:
        deadline = time.monotonic() + 30
        while own.processes.kill():
            assert time.monotonic() < deadline
        own.server.stop()
        shutil.rmtree(parent, ignore_errors=True)
