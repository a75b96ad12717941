"""The embedded PostgreSQL's life cycle: the wheel's server in a folder that any number of our processes share.

Three locks in the folder, all dropped by the kernel when their holders die:
`use.lock`, shared, held by every process that uses the server: the last one out stops it;
`alive.lock`, inherited by every process of the cluster: while it is taken, one of them lives, whatever a pid file says;
`start.lock`, held by the one who starts or revives the server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from psycopg.conninfo import make_conninfo

from infra.crash_points import CrashPoint, reached
from infra.postgres import run_as
from infra.postgres.cluster_processes import ClusterProcesses, reap_orphans
from infra.postgres.data_folder import SOCKET, log_tail, open_log, prepare
from infra.postgres.disk_room import ensure_room_for_a_cluster
from infra.postgres.errors import EmbeddedPostgresError
from infra.postgres.file_lock import FileLock
from infra.postgres.ping import Ping, ping
from infra.postgres.server_settings import binaries, initdb_command, postgres_command
from infra.postgres.stuck_recovery import StuckRecovery

_START_SECONDS = 60.0
_POLITE_STOP_SECONDS = 30.0
_ANSWER_SECONDS = 2.0
_MOMENT_SECONDS = 0.5
_POLL_SECONDS = 0.02
_ATTEMPTS = 3

_log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL server in a folder. Everything here blocks: on an event loop, call it through `asyncio.to_thread`.

    `settings` are for a server that this process starts; one that runs already keeps its own.
    """

    def __init__(self, data_dir: Path, version: int = 18, *, settings: Mapping[str, str] | None = None) -> None:
        self._folder = data_dir.resolve()
        self._version = version
        self._cluster = self._folder / f"pg{version}"
        self._unfinished = self._folder / f"pg{version}.new"
        self._settings = dict(settings or {})
        self._programs = binaries(version)
        self._mutex = threading.Lock()
        self._leaving = threading.Event()
        self._use: FileLock | None = None
        self._user = run_as.ServerUser()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Connection string: the socket in the data folder, user and database `postgres`."""
        return make_conninfo(host=str(self._folder), user="postgres", dbname="postgres")

    @property
    def postmaster_pid(self) -> int | None:
        """The pid in `postmaster.pid`, None without the file. May be stale: no reason to signal that process."""
        try:
            return int(self._cluster.joinpath("postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def start(self) -> None:
        """Join those who use the server, and start it if it does not answer. Harmless when repeated.

        Raises EmbeddedPostgresError.
        """
        with self._mutex:
            if self._use is None:
                self._user = prepare(self._folder, self._cluster, self._programs / "postgres")
                use = FileLock(self._folder / "use.lock")
                # Whoever is last out holds the lock alone while it stops the server: then ours begins anew.
                if not use.shared(time.monotonic() + _START_SECONDS):
                    use.close()
                    raise self._failure("another process has been stopping it all the time")
                self._use = use
                self._leaving.clear()
                try:
                    self._ensure()
                except BaseException:
                    # A server that still recovers is left to it: stopped, it would begin anew at the next start.
                    self._use = None
                    use.close()
                    raise
            else:
                self._ensure()

    def ensure(self) -> None:
        """Revive the server if it does not answer; nothing before `start` and after `stop`.

        Several processes may do so at once. Raises EmbeddedPostgresError.
        """
        with self._mutex:
            if self._use is not None:
                self._ensure()

    def stop(self) -> bool:
        """Leave; the last one out stops the server. Returns whether that was us."""
        self._leaving.set()
        with self._mutex:
            if self._use is None:
                return False
            use, self._use = self._use, None
            try:
                if not use.try_exclusive():
                    return False
                self._shut_down()
                return True
            finally:
                use.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _processes(self) -> ClusterProcesses:
        return ClusterProcesses([self._cluster, self._unfinished], self._programs, self._user)

    def _ping(self, timeout: float) -> Ping:
        return ping(self._folder / SOCKET, timeout)

    def _ensure(self) -> None:
        asked = time.monotonic()
        if self._ping(_ANSWER_SECONDS) is Ping.ANSWERS:
            return
        deadline = time.monotonic() + _START_SECONDS
        with self._starting(deadline) as ours:
            if not ours:
                return
            reached(CrashPoint.POSTGRES_START_LOCKED)
            reap_orphans()
            for attempt in range(1, _ATTEMPTS + 1):
                alive = self._when_nobody_lives(asked, deadline)
                if alive is None:
                    return
                try:
                    self._launch(alive)
                finally:
                    alive.close()
                reached(CrashPoint.POSTGRES_LAUNCHED)
                if self._answers_before(deadline):
                    _log.info("postgres_started", pid=self.postmaster_pid, version=self._version)
                    return
                _log.warning("postgres_ended_at_start", attempt=attempt)
        raise self._failure("it ended while it started")

    @contextmanager
    def _starting(self, deadline: float) -> Iterator[bool]:
        """Hold `start.lock`: True. False if the server answers before it is ours: another one has revived it."""
        lock = FileLock(self._folder / "start.lock")
        try:
            while not lock.try_exclusive():
                if self._ping(_MOMENT_SECONDS) is Ping.ANSWERS:
                    yield False
                    return
                self._go_on_until(deadline, "another process has been starting it all the time")
            yield True
        finally:
            lock.close()

    def _when_nobody_lives(self, unanswered_since: float, deadline: float) -> FileLock | None:
        """`alive.lock`, taken: no process of the cluster lives. None: the server answers after all.

        Processes that live and do not answer are killed: a stopped postmaster, or a backend that outlived its own.
        """
        alive = FileLock(self._folder / "alive.lock")
        recovery = StuckRecovery(self._processes)
        try:
            while not alive.try_exclusive() or self._processes.pids():
                answer = self._ping(_MOMENT_SECONDS)
                if answer is Ping.ANSWERS:
                    alive.close()
                    return None
                if not recovery.seen(answer) and answer is Ping.STARTING:
                    # It recovers after a crash, which takes as long as its log is: killing it would begin that anew.
                    unanswered_since = time.monotonic()
                elif time.monotonic() - unanswered_since >= _MOMENT_SECONDS:
                    self._kill()
                self._go_on_until(deadline, "processes of it live on, do not answer and cannot be ended")
                reap_orphans()
            if strangers := self._processes.strangers():
                raise EmbeddedPostgresError(
                    f"another PostgreSQL works in {self._cluster} (process {strangers[0]}): it was not started by this "
                    "service, so it is left alone; stop it, or choose another OTA_CM_DATA_DIR"
                )
        except BaseException:
            alive.close()
            raise
        return alive

    def _launch(self, alive: FileLock) -> None:
        """Start the server, which inherits `alive`. Only while nobody of the cluster lives."""
        if not self._cluster.joinpath("PG_VERSION").exists():
            self._make_cluster(alive)
        # Pid files of a cluster that is dead: their numbers may belong to others by now, and would bar the start.
        self._cluster.joinpath("postmaster.pid").unlink(missing_ok=True)
        self._folder.joinpath(f"{SOCKET}.lock").unlink(missing_ok=True)
        with open_log(self._folder) as log:
            self._child = self._user.popen(
                postgres_command(self._programs, self._cluster, self._folder, self._settings),
                cwd=self._cluster,
                output=log,
                inherited=[alive.descriptor],
                own_session=True,  # Ctrl-C at the terminal is ours to handle
            )
        # A child that ends must be buried at once: as a zombie it would count as running.
        threading.Thread(target=self._child.wait, name="postgres-reaper", daemon=True).start()

    def _make_cluster(self, alive: FileLock) -> None:
        """initdb beside the final name, then rename: a folder with the final name is whole."""
        if self._unfinished.exists():
            shutil.rmtree(self._unfinished)
        ensure_room_for_a_cluster(self._folder)
        self._unfinished.mkdir(mode=0o700)
        self._user.give(self._unfinished)
        status, output = self._user.run(
            initdb_command(self._programs, self._version, self._unfinished),
            cwd=self._unfinished,
            inherited=[alive.descriptor],
        )
        if status != 0:
            raise EmbeddedPostgresError(f"initdb failed in {self._folder}:\n{output[-2000:]}")
        reached(CrashPoint.CLUSTER_MADE)
        self._unfinished.rename(self._cluster)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _answers_before(self, deadline: float) -> bool:
        """Wait until the server that we launched answers: True; False when it ends before."""
        recovery = StuckRecovery(self._processes)
        while self._child is not None and self._child.poll() is None:
            answer = self._ping(_MOMENT_SECONDS)
            if answer is Ping.ANSWERS:
                return True
            if recovery.seen(answer):
                self._kill()
            self._go_on_until(deadline, f"it did not answer within {_START_SECONDS:.0f} s")
        return False

    def _kill(self) -> None:
        if killed := self._processes.kill():
            _log.warning("postgres_processes_killed", pids=killed)

    def _go_on_until(self, deadline: float, trouble: str) -> None:
        """Wait a little before the next look; raises when the time is over or we are told to leave."""
        if self._leaving.wait(_POLL_SECONDS):
            raise EmbeddedPostgresError("the service stops")
        if time.monotonic() > deadline:
            raise self._failure(trouble)

    def _failure(self, trouble: str) -> EmbeddedPostgresError:
        tail = log_tail(self._folder) or "(empty)"
        return EmbeddedPostgresError(f"PostgreSQL cannot start in {self._folder}: {trouble}. End of its log:\n{tail}")

    def _shut_down(self) -> None:
        """Stop the server; kill what is left of it after a while. Only as the last user of the folder."""
        processes = self._processes
        if not self._cluster.exists() and self._child is not None:
            # Somebody removed the folder under the server: there is nothing left to write, and no lock to ask.
            self._child.kill()
            self._child.wait()
            return
        alive = FileLock(self._folder / "alive.lock")
        try:
            polite_until = time.monotonic()
            if (pid := self.postmaster_pid) is not None and processes.signal(pid, signal.SIGINT):
                processes.signal(pid, signal.SIGCONT)  # a stopped one would not hear it
                polite_until += _POLITE_STOP_SECONDS
                reached(CrashPoint.POSTGRES_STOPPING)
            deadline = polite_until + _START_SECONDS
            while not alive.try_exclusive():
                if time.monotonic() > polite_until:
                    self._kill()
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(f"processes of PostgreSQL in {self._folder} cannot be ended")
                time.sleep(_POLL_SECONDS)
        finally:
            alive.close()
        if self._child is not None:
            self._child.wait()
            self._child = None
        reap_orphans()
        _log.info("postgres_stopped", version=self._version)
