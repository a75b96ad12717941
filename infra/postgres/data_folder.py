"""The folder in which the embedded PostgreSQL lives: made, checked, given to the server's user; its log."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.postgres.errors import EmbeddedPostgresError
from infra.postgres.run_as import ServerUser, able_to_reach, choose

SOCKET = ".s.PGSQL.5432"
_LOG = "postgres.log"
_LOG_BYTES = 16 << 20
_TAIL_LINES = 20

# sizeof(sockaddr_un.sun_path) less the closing zero.
_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103


def prepare(folder: Path, cluster: Path, program: Path) -> ServerUser:
    """Make `folder` (mode 0700, the server's user its owner), or check it. Returns the user that runs the server.

    `cluster`: the folder in it that holds, or will hold, the data; `program`: what that user must be able to run.
    Parents that exist are left as they are. Raises EmbeddedPostgresError.
    """
    if sys.platform == "win32":
        raise EmbeddedPostgresError("the embedded PostgreSQL does not run on Windows: set DATABASE_URL to your own")
    _check_socket_path(folder)
    user = choose(cluster)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_that_it_is_ours(folder, user)
        user.give(folder)
    except OSError as error:
        raise EmbeddedPostgresError(f"the data folder {folder} cannot be used: {error.strerror or error}") from error
    return able_to_reach(user, folder, program)


def _check_socket_path(folder: Path) -> None:
    length = len(os.fsencode(folder / SOCKET))
    if length > _SOCKET_PATH_BYTES:
        raise EmbeddedPostgresError(
            f"the path of the data folder is too long for PostgreSQL's socket: {folder / SOCKET} has {length} bytes, "
            f"at most {_SOCKET_PATH_BYTES} are possible. Choose a shorter OTA_CM_DATA_DIR"
        )
    if "," in str(folder):
        raise EmbeddedPostgresError(
            f"the path of the data folder must not hold a comma, which separates hosts for PostgreSQL: {folder}"
        )


def _check_that_it_is_ours(folder: Path, user: ServerUser) -> None:
    """Its mode and owner are changed, so it must be no folder that others use: `/tmp`, say, given by mistake."""
    open_to_others = folder.stat().st_mode & 0o077
    if open_to_others and not folder.joinpath("use.lock").exists() and any(folder.iterdir()):
        raise EmbeddedPostgresError(
            f"{folder} is not empty, open to others, and no data folder of this service: give it a folder of its own "
            "(or close it with chmod 700)"
        )
    if user.uid is None and not user.owns(folder):
        raise EmbeddedPostgresError(f"the data folder {folder} belongs to another user: start the service as that one")


@contextmanager
def open_log(folder: Path) -> Iterator[int]:
    """A descriptor that appends to the server's log; a log that has grown large is first put aside, once."""
    path = folder / _LOG
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_name(f"{_LOG}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def log_tail(folder: Path) -> str:
    """The last lines of the server's log; empty without one."""
    try:
        with folder.joinpath(_LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])
