"""A PostgreSQL server of one test's own, to be stopped, frozen and killed."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries


class OwnServer:
    """As durable as in production, unless `settings` say otherwise. Nobody revives it but the test."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.server = EmbeddedPostgres(folder, settings=settings)
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

    def restart(self, how: signal.Signals) -> None:
        """SIGINT: fast, SIGQUIT: immediate, as `pg_ctl restart` does it."""
        pid = self.server.postmaster_pid
        assert pid is not None
        assert self.processes.signal(pid, how)
        deadline = time.monotonic() + 30
        while pid in self.processes.pids():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.server.ensure()

    def signal_all(self, number: signal.Signals) -> None:
        """Freeze all processes of the server, or have them go on."""
        for _ in range(2):  # one that was just being forked when the first were listed
            for pid in self.processes.pids():
                self.processes.signal(pid, number)


@contextmanager
def running_own_server(**settings: str) -> Iterator[OwnServer]:
    """With the schema in it; gone afterwards, whatever state the test left it in."""
    parent = Path(tempfile.mkdtemp(prefix="cm-store-"))
    parent.chmod(0o755)
    own = OwnServer(parent / "data", settings)
    try:
        own.migrate()
        yield own
    finally:
        deadline = time.monotonic() + 30
        while own.processes.kill():
            assert time.monotonic() < deadline
        own.server.stop()
        shutil.rmtree(parent, ignore_errors=True)
