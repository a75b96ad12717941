"""What a round may hit: each process of the service, and PostgreSQL. (The broker is in broker_target.py.)

A target says in which ways it can be hit, and does it. Whoever is killed comes back without the round's doing: service
processes by their supervisor, PostgreSQL by the service.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psycopg

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from tests.e2e.service import Service

_RESTART_SECONDS: Final = 0.2
_AIM_SECONDS: Final = 1.0

_WRITERS_IN_CALL: Final = (
    "select pid from pg_stat_activity where application_name = 'channel-manager writer' and state = 'active'"
)
_IN_COMMIT: Final = "select from pg_stat_activity where pid = %s and wait_event ilike 'walsync'"


@dataclass(frozen=True, slots=True)
class Struck:
    """What was done, in words, and how to undo it (a stopped process is to go on)."""

    what: str
    undo: Callable[[], None] | None = None


def moment_in(seconds: float, part: float) -> float:
    """A moment (`part`: 0 to 1) in work that takes about so long, on a machine up to ten times as slow or fast."""
    return seconds * 10 ** (2 * part - 1)


class Target(Protocol):
    """`ways`: how it can be hit, with weights. `weight`: how often, beside the others.

    `busy_after`, `busy_seconds`: what gives it work (see Moments), and about how long it works on that.
    """

    name: str
    weight: int
    ways: Mapping[str, int]
    busy_after: str
    busy_seconds: float

    def strike(self, way: str, chance: random.Random) -> Struck: ...


class ServiceTarget:
    """A process of the service under a supervisor, which starts it again whenever it has ended."""

    ways: Mapping[str, int] = {"kill -9": 3, "kill -9 twice": 3, "SIGSTOP": 2}

    def __init__(self, name: str, service: Service, weight: int, busy_after: str, busy_seconds: float) -> None:
        self.name = name
        self.service = service
        self.weight = weight
        self.busy_after = busy_after
        self.busy_seconds = busy_seconds
        self.starts = 0
        self._kill_again: float | None = None
        self._leaving = threading.Event()
        self._ready = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def start(self) -> None:
        self._supervisor.start()

    def wait_until_ready(self, seconds: float) -> None:
        assert self._ready.wait(seconds), f"{self.name} is not ready:\n{self.service.output()[-3000:]}"

    def strike(self, way: str, chance: random.Random) -> Struck:
        """`kill -9 twice`: again when it has just come back, and works on what has gathered meanwhile."""
        pid = self.service.pid
        if way == "SIGSTOP":
            self.service.signal(signal.SIGSTOP)
            return Struck(f"SIGSTOP {self.name} ({pid})", lambda: self._go_on(pid))
        self._ready.clear()
        again = ""
        if way == "kill -9 twice":
            self._kill_again = moment_in(0.01, chance.random())
            again = f", and again {1000 * self._kill_again:.0f} ms after it is back"
        self.service.signal(signal.SIGKILL)
        return Struck(f"kill -9 {self.name} ({pid}){again}")

    def leave(self) -> None:
        """Supervise no longer; the process is the caller's to end."""
        self._leaving.set()
        self._supervisor.join(60)

    def _go_on(self, pid: int) -> None:
        if self.service.pid == pid:
            self.service.signal(signal.SIGCONT)

    def _supervise(self) -> None:
        while not self._leaving.is_set():
            self.service.start()
            self.starts += 1
            while not self.service.ended and not self._leaving.is_set():
                if not self._ready.is_set() and self.service.is_ready():
                    if self._kill_again is None:
                        self._ready.set()
                    else:
                        self._leaving.wait(self._kill_again)
                        self._kill_again = None
                        self.service.signal(signal.SIGKILL)
                self._leaving.wait(0.02)
            if not self._leaving.is_set():
                self._ready.clear()
            self._leaving.wait(_RESTART_SECONDS)


class PostgresTarget:
    """The embedded server in a data folder, whoever of the service started it."""

    name = "postgres"
    busy_after = "answer"
    busy_seconds = 0.02
    ways: Mapping[str, int] = {
        "kill -9 the postmaster": 2,
        "kill -9 a writer in its commit": 4,
        "kill -9 any of its processes": 2,
        "end all sessions": 2,
        "SIGSTOP a session": 1,
        "SIGSTOP the postmaster": 1,
        "SIGSTOP all of it": 1,
    }

    def __init__(self, data: Path, dsn: str, weight: int) -> None:
        cluster = data / "pg18"
        self.weight = weight
        self._pid_file = cluster / "postmaster.pid"
        self._dsn = dsn
        self._processes = ClusterProcesses([cluster], binaries(18), choose(cluster))

    def strike(self, way: str, chance: random.Random) -> Struck:
        number = signal.SIGSTOP if way.startswith("SIGSTOP") else signal.SIGKILL
        pids = self._aimed_at(way, chance)
        if way == "end all sessions":
            number = signal.SIGTERM
        hit = [pid for pid in pids if self._processes.signal(pid, number)]
        what = f"{way} ({', '.join(map(str, hit)) if len(hit) < 4 else f'{len(hit)} processes'})"
        if number is signal.SIGSTOP and hit:
            return Struck(f"postgres: {what}", lambda: self._go_on(hit))
        return Struck(f"postgres: {what if hit else f'{way}: none there'}")

    def _go_on(self, pids: Sequence[int]) -> None:
        for pid in pids:
            self._processes.signal(pid, signal.SIGCONT)

    def _aimed_at(self, way: str, chance: random.Random) -> list[int]:
        if way == "kill -9 a writer in its commit":
            return self._writer_in_commit()
        pids = self._processes.pids()
        postmaster = self._postmaster()
        if way.endswith("the postmaster"):
            return [postmaster] if postmaster in pids else []
        if way.endswith("all of it"):
            return pids
        if way == "end all sessions":
            return [pid for pid in pids if _is_session(pid)]
        others = [pid for pid in pids if pid != postmaster and (way.endswith("processes") or _is_session(pid))]
        return [chance.choice(others)] if others else []

    def _postmaster(self) -> int | None:
        try:
            return int(self._pid_file.read_text().partition("\n")[0])
        except (OSError, ValueError):
            return None

    def _writer_in_commit(self) -> list[int]:
        """A session whose batch is written and not yet answered: killed there, it leaves a commit that nobody heard of.

        Stopped to be looked at: a commit is over in a moment. One that was only in its call, where none was found so.
        """
        until = time.monotonic() + _AIM_SECONDS
        in_call: list[int] = []
        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=2) as connection:
                while time.monotonic() < until:
                    in_call = [pid for (pid,) in connection.execute(_WRITERS_IN_CALL).fetchall()] or in_call
                    for pid in in_call:
                        self._processes.signal(pid, signal.SIGSTOP)
                        if connection.execute(_IN_COMMIT, (pid,)).fetchone() is not None:
                            return [pid]
                        self._processes.signal(pid, signal.SIGCONT)
        except psycopg.Error:
            pass  # the server is just not there
        self._go_on(in_call)
        return in_call[:1]


def _is_session(pid: int) -> bool:
    """Whether the process serves a client: `postgres: USER DATABASE HOST ACTIVITY`."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return title.startswith(b"postgres: postgres postgres ")
