"""The embedded server's life cycle when processes are killed, stopped, or mistaken for one another."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from infra.postgres import stuck_recovery
from infra.postgres.cluster_processes import reap_orphans
from infra.postgres.data_folder import SOCKET
from infra.postgres.disk_room import DiskRoom
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.ping import Ping, ping
from infra.postgres.supervise import supervise

from .conftest import UserProcess, alive, processes, scalar, until

_PR_SET_CHILD_SUBREAPER = 36

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder) as server:
        yield server


def postmaster(server: EmbeddedPostgres) -> int:
    pid = server.postmaster_pid
    assert pid is not None
    return pid


def parent(pid: int) -> int | None:
    with suppress(FileNotFoundError):  # a session that ended meanwhile
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def keep(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


@contextmanager
def busy_backend(server: EmbeddedPostgres) -> Iterator[int]:
    """The pid of a backend that counts for ever, and does not look whether its postmaster lives."""
    connection = psycopg.connect(server.dsn, autocommit=True)
    try:
        pid = connection.info.backend_pid
        connection.pgconn.send_query(
            b"SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
        )
        until(lambda: scalar(server.dsn, f"SELECT state FROM pg_stat_activity WHERE pid = {pid}") == "active")
        yield pid
    finally:
        connection.close()


@contextmanager
def running(*command: str, cwd: Path | None = None) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=cwd)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_killed_postmaster_is_replaced_and_nothing_is_lost(server: EmbeddedPostgres) -> None:
    keep(server)
    dead = postmaster(server)
    os.kill(dead, signal.SIGKILL)
    server.ensure()
    assert postmaster(server) != dead
    assert scalar(server.dsn, "SELECT answer FROM kept") == 42


def test_a_dead_postmaster_is_buried_at_once(server: EmbeddedPostgres) -> None:
    dead = postmaster(server)
    os.kill(dead, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{dead}").exists())


def test_a_stopped_postmaster_is_replaced(server: EmbeddedPostgres) -> None:
    keep(server)
    stopped = postmaster(server)
    os.kill(stopped, signal.SIGSTOP)
    server.ensure()
    assert postmaster(server) != stopped
    assert not alive(stopped)
    assert scalar(server.dsn, "SELECT answer FROM kept") == 42


def test_a_stopped_postmaster_does_not_keep_the_last_user_from_stopping_it(server: EmbeddedPostgres) -> None:
    stopped = postmaster(server)
    os.kill(stopped, signal.SIGSTOP)
    assert server.stop()
    assert not alive(stopped)


def test_a_backend_that_outlives_its_postmaster_does_not_bar_the_start(server: EmbeddedPostgres) -> None:
    with busy_backend(server) as orphan:
        os.kill(postmaster(server), signal.SIGKILL)
        server.ensure()
        assert scalar(server.dsn, "SELECT 1") == 1
        assert not alive(orphan)


def test_a_server_that_only_lost_a_backend_recovers_by_itself(server: EmbeddedPostgres) -> None:
    before = postmaster(server)
    with busy_backend(server) as backend:
        os.kill(backend, signal.SIGKILL)
        until(lambda: not alive(backend))
        server.ensure()
        assert postmaster(server) == before
        assert scalar(server.dsn, "SELECT 1") == 1


def test_a_server_that_starts_for_ever_is_replaced(
    server: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that it starts, but no process of it does so."""
    monkeypatch.setattr(stuck_recovery, "STUCK_SECONDS", 1.0)
    keep(server)
    stuck = postmaster(server)
    monkeypatch.setattr(server, "_ping", lambda _: Ping.STARTING if alive(stuck) else ping(folder / SOCKET))
    server.ensure()
    assert postmaster(server) != stuck
    assert scalar(server.dsn, "SELECT answer FROM kept") == 42


def test_a_server_that_has_no_connection_left_is_not_taken_for_dead(folder: Path) -> None:
    few = {"max_connections": "5", "reserved_connections": "0", "superuser_reserved_connections": "0"}
    with EmbeddedPostgres(folder, settings={**few, "max_wal_senders": "0"}) as server:
        before = postmaster(server)
        connections: list[psycopg.Connection] = []

        def full() -> bool:
            """Whoever looked whether it is ready may hold one for a moment more."""
            with suppress(psycopg.OperationalError):
                connections.append(psycopg.connect(server.dsn))
            return len(connections) == 5

        until(full)
        server.ensure()
        assert postmaster(server) == before
        for connection in connections:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            connection.close()


@pytest.mark.parametrize("orphaned", ["postmaster lives", "postmaster killed", "postmaster stopped"])
def test_a_killed_user_leaves_a_folder_that_can_be_started(
    folder: Path, user_process: Callable[..., UserProcess], orphaned: str
) -> None:
    user = user_process()
    first = user.postmaster()
    user.process.kill()
    user.process.wait()
    server = EmbeddedPostgres(folder)
    with busy_backend(server):
        if orphaned == "postmaster killed":
            os.kill(first, signal.SIGKILL)
        elif orphaned == "postmaster stopped":
            os.kill(first, signal.SIGSTOP)
        server.start()
        assert (server.postmaster_pid == first) is (orphaned == "postmaster lives")
        assert scalar(server.dsn, "SELECT 1") == 1
        assert server.stop()
    assert processes(folder).pids() == []


def test_several_that_revive_it_at_once_end_up_with_one_server(
    folder: Path, server: EmbeddedPostgres, user_process: Callable[..., UserProcess]
) -> None:
    users = [user_process(), user_process()]
    before = {user.postmaster() for user in users}
    assert before == {server.postmaster_pid}
    os.kill(postmaster(server), signal.SIGKILL)
    mine = threading.Thread(target=server.ensure)
    mine.start()
    after = {user.ensure() for user in users}
    mine.join()
    assert after == {server.postmaster_pid}
    assert after.isdisjoint(before)
    parents = {pid: parent(pid) for pid in processes(folder).pids()}
    assert [pid for pid, of in parents.items() if of is not None and of not in parents] == [server.postmaster_pid]


def test_a_foreign_process_whose_number_is_in_the_pid_files_is_left_alone(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        pid_file = (folder / "pg18" / "postmaster.pid").read_text()
        lock_file = (folder / ".s.PGSQL.5432.lock").read_text()
    user = (folder / "pg18").stat()
    with running("sleep", "1000") as foreign:
        for path, text in ((folder / "pg18" / "postmaster.pid", pid_file), (folder / ".s.PGSQL.5432.lock", lock_file)):
            path.write_text(f"{foreign}\n" + text.split("\n", 1)[1])
            os.chown(path, user.st_uid, user.st_gid)
        server.start()
        assert server.postmaster_pid != foreign
        assert alive(foreign)
        assert server.stop()
        assert alive(foreign)


def test_a_foreign_number_in_the_pid_file_is_left_alone_by_the_stop(server: EmbeddedPostgres, folder: Path) -> None:
    with running("sleep", "1000") as foreign:
        pid_file = folder / "pg18" / "postmaster.pid"
        pid_file.write_text(f"{foreign}\n" + pid_file.read_text().split("\n", 1)[1])
        os.kill(foreign, 0)
        for pid in processes(folder).pids():
            os.kill(pid, signal.SIGKILL)
        assert server.stop()
        assert alive(foreign)


def test_a_foreign_process_that_works_in_the_folder_is_left_alone(server: EmbeddedPostgres, folder: Path) -> None:
    with running("sleep", "1000", cwd=folder / "pg18") as foreign:
        os.kill(postmaster(server), signal.SIGSTOP)
        server.ensure()
        assert scalar(server.dsn, "SELECT 1") == 1
        assert alive(foreign)


def test_an_initdb_that_was_interrupted_is_done_again(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    shutil.move(folder / "pg18", folder / "pg18.new")
    (folder / "pg18.new" / "postgresql.conf").unlink()
    with EmbeddedPostgres(folder) as server:
        assert scalar(server.dsn, "SELECT 1") == 1
    assert not (folder / "pg18.new").exists()


def test_a_server_whose_folder_was_removed_is_ended_all_the_same(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    pid = postmaster(server)
    shutil.rmtree(folder)
    assert server.stop()
    until(lambda: not alive(pid))


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_root_that_may_not_look_into_other_users_processes_finds_orphans_all_the_same(
    user_process: Callable[..., UserProcess],
) -> None:
    """The usual container: root has no CAP_SYS_PTRACE there."""
    user = user_process("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    stopped = user.postmaster()
    os.kill(stopped, signal.SIGSTOP)
    replaced = user.ensure()
    assert replaced != stopped
    assert not alive(stopped)
    assert user.leave() == "stopped"
    assert not alive(replaced)


def test_orphans_that_become_our_children_are_buried(server: EmbeddedPostgres) -> None:
    """We may be PID 1: the kernel gives the backends of a dead postmaster to us."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        with busy_backend(server) as orphan:
            os.kill(postmaster(server), signal.SIGKILL)
            os.kill(orphan, signal.SIGKILL)
            until(lambda: not alive(orphan))

            def buried() -> bool:
                reap_orphans()
                return not Path(f"/proc/{orphan}").exists()

            until(buried)
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def test_what_clients_send_never_reaches_the_log(server: EmbeddedPostgres, folder: Path) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE guests (name text PRIMARY KEY)")
        connection.execute("INSERT INTO guests VALUES (%s)", ("Ada Marker",))
        for statement in (
            "INSERT INTO guests VALUES ('Ada Marker')",
            "SELECT 'Ada Marker'::int",
            "SELECT 'Ada Marker' FROM nowhere",
            "DO $$ BEGIN RAISE WARNING 'Ada Marker'; RAISE EXCEPTION 'Ada Marker'; END $$",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
        with pytest.raises(psycopg.Error):
            connection.execute("INSERT INTO guests VALUES (%s)", ("Ada Marker",))
    crashing = psycopg.connect(server.dsn, autocommit=True)
    crashing.pgconn.send_query(b"SELECT 'Ada Marker', pg_sleep(1000)")
    until(lambda: scalar(server.dsn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1)
    os.kill(crashing.info.backend_pid, signal.SIGKILL)
    log = folder / "postgres.log"
    until(lambda: "terminated by signal 9" in log.read_text())
    crashing.close()
    server.ensure()
    assert "Marker" not in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_whoever_serves_revives_a_dead_server(server: EmbeddedPostgres, folder: Path, number: int) -> None:
    dead = await asyncio.to_thread(postmaster, server)
    task = asyncio.create_task(supervise(server, DiskRoom(folder), every=0.1))
    os.kill(dead, number)

    def revived() -> bool:
        return server.postmaster_pid not in (dead, None) and ping(folder / ".s.PGSQL.5432") is Ping.ANSWERS

    await asyncio.to_thread(until, revived)
    task.cancel()
    await asyncio.wait({task})
    assert await asyncio.to_thread(server.stop)
