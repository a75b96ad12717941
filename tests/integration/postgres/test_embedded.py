"""The embedded server's life cycle as long as nothing goes wrong, and what it refuses."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import EmbeddedPostgresError
from infra.postgres.ping import Ping, ping

from .conftest import UserProcess, alive, scalar

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("version", [18, 16])
def test_what_was_written_is_there_after_a_stop_and_a_start(folder: Path, version: int) -> None:
    with EmbeddedPostgres(folder, version) as server:
        assert scalar(server.dsn, "SELECT current_setting('server_version_num')::int / 10000") == version
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.postmaster_pid
    assert first is not None
    assert not alive(first)
    with EmbeddedPostgres(folder, version) as server:
        assert scalar(server.dsn, "SELECT answer FROM kept") == 42
        assert (folder / f"pg{version}" / "PG_VERSION").read_text().strip() == str(version)


def test_nobody_else_can_reach_it_and_it_is_durable(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        assert mode(folder) == mode(folder / "pg18") == mode(folder / ".s.PGSQL.5432") == 0o700
        assert mode(folder / "postgres.log") == 0o600
        settings = {
            name: scalar(server.dsn, f"SHOW {name}")
            for name in ("listen_addresses", "fsync", "full_page_writes", "synchronous_commit", "jit", "wal_level")
        }
    assert settings == {
        "listen_addresses": "",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "wal_level": "replica",
    }


def test_text_is_sorted_by_code_point_and_letters_are_known(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        assert scalar(server.dsn, "SELECT 'Z' < 'a' AND upper('é') = 'É'") is True


def test_a_folder_with_a_space_and_quotes_in_its_path_works(folder: Path) -> None:
    odd = folder / 'a b\'s "c"'
    with EmbeddedPostgres(odd) as server:
        assert scalar(server.dsn, "SELECT 1") == 1


def test_starting_and_stopping_twice_is_harmless(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    first = server.postmaster_pid
    server.start()
    assert server.postmaster_pid == first
    assert server.stop()
    assert not server.stop()
    server.ensure()
    assert ping(folder / ".s.PGSQL.5432") is Ping.ABSENT


def test_two_processes_share_the_server_and_the_last_one_out_stops_it(user_process: Callable[..., UserProcess]) -> None:
    one, two = user_process(), user_process()
    postmaster = one.postmaster()
    assert two.postmaster() == postmaster
    assert one.leave() == "left"
    assert alive(postmaster)
    assert two.leave() == "stopped"
    assert not alive(postmaster)


def test_a_process_that_comes_while_the_last_one_leaves_finds_a_server(folder: Path) -> None:
    leaving = EmbeddedPostgres(folder)
    leaving.start()
    for _ in range(5):
        coming = EmbeddedPostgres(folder)
        together = threading.Barrier(2)

        def leave(server: EmbeddedPostgres = leaving, together: threading.Barrier = together) -> None:
            together.wait()
            server.stop()

        thread = threading.Thread(target=leave)
        thread.start()
        together.wait()
        coming.start()
        thread.join()
        assert scalar(coming.dsn, "SELECT 1") == 1
        leaving = coming
    assert leaving.stop()


@as_root
def test_a_closed_parent_stays_closed_and_does_not_matter(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with EmbeddedPostgres(folder) as server:
        assert scalar(server.dsn, "SELECT 1") == 1
        assert scalar(server.dsn, "SELECT (pg_stat_file('PG_VERSION')).size") == 3
        assert Path(f"/proc/{server.postmaster_pid}").stat().st_uid != 0
    assert mode(folder.parent) == 0o700
    assert folder.parent.stat().st_uid == 0


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_closed_parent_that_cannot_be_passed_is_told(folder: Path, user_process: Callable[..., UserProcess]) -> None:
    """The usual container: root cannot hand on CAP_DAC_READ_SEARCH there."""
    folder.parent.chmod(0o700)
    user = user_process("setpriv", "--bounding-set=-dac_read_search", "--inh-caps=-dac_read_search")
    _, errors = user.process.communicate()
    assert user.process.returncode == 1
    assert "is closed to the user" in errors
    assert "choose another OTA_CM_DATA_DIR" in errors


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_user_without_privileges_runs_it_as_itself(folder: Path, user_process: Callable[..., UserProcess]) -> None:
    os.chown(folder.parent, 65534, 65534)
    # The capability is for this interpreter, which may stand in a closed folder.
    caps = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--no-new-privs")
    user = user_process("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *caps)
    pid = user.postmaster()
    assert Path(f"/proc/{pid}").stat().st_uid == folder.stat().st_uid == 65534
    os.kill(pid, signal.SIGSTOP)
    assert user.ensure() != pid
    assert user.leave() == "stopped"


@as_root
def test_an_open_parent_needs_no_capability(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        status = Path(f"/proc/{server.postmaster_pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in status


def test_secrets_of_our_environment_do_not_reach_the_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTA_CM_MASTER_KEY", "a-secret-of-ours")
    with EmbeddedPostgres(folder) as server:
        assert b"a-secret-of-ours" not in Path(f"/proc/{server.postmaster_pid}/environ").read_bytes()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(folder: Path) -> None:
    long = folder / ("x" * 100)
    with pytest.raises(EmbeddedPostgresError, match=r"too long for PostgreSQL's socket.*OTA_CM_DATA_DIR"):
        EmbeddedPostgres(long).start()
    assert not folder.exists()


def test_a_folder_that_others_use_is_left_as_it_is(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.joinpath("theirs").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="folder of its own"):
        EmbeddedPostgres(folder).start()
    assert mode(folder) == 0o755


def test_a_setting_that_the_server_refuses_is_told_with_the_end_of_its_log(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings={"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedPostgresError, match=r'(?s)End of its log.*"shared_buffers": "nonsense"'):
        server.start()
    assert not server.stop()


def test_a_platform_without_binaries_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedPostgresError, match="no PostgreSQL 18 for this platform: set DATABASE_URL"):
        EmbeddedPostgres(folder)


@as_root
def test_root_without_an_unprivileged_user_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_there(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", nobody_there)
    with pytest.raises(EmbeddedPostgresError, match="does not run as root"):
        EmbeddedPostgres(folder).start()
