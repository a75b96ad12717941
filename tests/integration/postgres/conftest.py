"""Folders and processes for the tests of the embedded server's life cycle: nothing of them is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries

_SCRIPT = Path(__file__).with_name("user_process.py")


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        time.sleep(0.01)


def processes(folder: Path, version: int = 18) -> ClusterProcesses:
    """The processes of the cluster in a data folder."""
    cluster = folder / f"pg{version}"
    return ClusterProcesses([cluster], binaries(version), choose(cluster))


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def scalar(dsn: str, query: str) -> object:
    """The first field of a query's first row."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row is not None else None


class UserProcess:
    """A running `user_process.py`."""

    def __init__(self, folder: Path, *prefix: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(_SCRIPT), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def postmaster(self) -> int:
        """Wait until it is ready; the postmaster's pid."""
        word, pid = self.line().split()
        assert word == "ready"
        return int(pid)

    def ensure(self) -> int:
        """Have it revive the server; the postmaster's pid."""
        assert self.process.stdin is not None
        self.process.stdin.write("ensure\n")
        self.process.stdin.flush()
        return self.postmaster()

    def leave(self) -> str:
        """Have it leave: `stopped` if it was the last, else `left`."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        answer = self.line()
        assert self.process.wait() == 0
        return answer

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Kill it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder to be; whatever runs in it at the end is killed."""
    parent = Path(tempfile.mkdtemp(prefix="cm-life-"))
    parent.chmod(0o755)
    folder = parent / "data"
    yield folder
    if folder.exists():
        for version in (16, 18):
            until(lambda version=version: not processes(folder, version).kill())  # type: ignore[misc]
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def user_process(folder: Path) -> Iterator[Callable[..., UserProcess]]:
    """Starts processes that use the folder, with an optional command before them."""
    started: list[UserProcess] = []

    def start(*prefix: str) -> UserProcess:
        started.append(UserProcess(folder, *prefix))
        return started[-1]

    yield start
    for process in started:
        process.end()
