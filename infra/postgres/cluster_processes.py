"""The processes of one cluster: found by what the kernel says of them, never by a number in a file.

A pid file outlives its process, and the number may belong to anybody by then. A process is one of the cluster's if it
works in the cluster's folder *and* runs a program of the wheel.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.postgres.run_as import ServerUser

_PROC = Path("/proc")

# As root without CAP_SYS_PTRACE (the usual container) the kernel hides the folder and the program of another user's
# process from us, but not from that user: then a shell under that user looks.
_FIND_AS_USER = r"""
for process in /proc/[0-9]*; do
    for folder in "$@"; do
        if [ "$process/cwd" -ef "$folder" ]; then echo "${process#/proc/} $(readlink "$process/exe")"; fi
    done
done
"""


class ClusterProcesses:
    """The processes that work in one of `folders` and run a program from the folder `binaries`."""

    def __init__(self, folders: Iterable[Path], binaries: Path, user: ServerUser) -> None:
        self._folders = tuple(folders)
        # The same wheel in another environment, or one that was installed anew (the kernel then says "(deleted)"),
        # is at home in the cluster too: so the end of the path decides.
        self._home = binaries.parts[-3:]
        self._user = user

    def pids(self) -> list[int]:
        """The living processes of the cluster, zombies left out."""
        return sorted({pid for pid, program in self._at_work() if self._is_ours(program)})

    def strangers(self) -> list[int]:
        """PostgreSQL processes of another installation that work in the folder: they are never touched."""
        return [pid for pid, program in self._at_work() if program.name == "postgres" and not self._is_ours(program)]

    def kill(self) -> list[int]:
        """SIGKILL every process of the cluster. Returns the pids."""
        return [pid for pid in self.pids() if self.signal(pid, signal.SIGKILL)]

    def signal(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal to `pid` if it is a process of the cluster at this moment. Returns whether it was sent."""
        handle = None
        try:
            if sys.platform == "linux":
                # Held by its handle before it is checked, so that it cannot turn into another process in between.
                handle = os.pidfd_open(pid)
            if not self._is_one(pid):
                return False
            if sys.platform == "linux" and handle is not None:
                signal.pidfd_send_signal(handle, number)
            else:
                os.kill(pid, number)
        except ProcessLookupError:
            return False
        finally:
            if handle is not None:
                os.close(handle)
        return True

    def _is_one(self, pid: int) -> bool:
        try:
            program = _look(pid, self._identities())
        except OSError:
            return pid in self.pids()  # hidden from us, or no /proc here
        return program is not None and self._is_ours(program)

    def _identities(self) -> list[tuple[int, int]]:
        """Device and inode of the folders: two paths may lead to one folder."""
        return [(status.st_dev, status.st_ino) for status in map(_status, self._folders) if status is not None]

    def _is_ours(self, program: Path) -> bool:
        return program.parent.parts[-3:] == self._home

    def _at_work(self) -> Iterator[tuple[int, Path]]:
        """(pid, program) of every process whose working directory is one of the folders."""
        folders = self._identities()
        if not folders:
            return
        if not _PROC.joinpath("self", "cwd").exists():
            yield from self._at_work_by_psutil()
            return
        hidden = False
        for pid in [int(process.name) for process in _PROC.iterdir() if process.name.isdecimal()]:
            try:
                program = _look(pid, folders)
            except PermissionError:
                hidden = True
            except OSError:
                continue  # it ended while we looked, or is a zombie
            else:
                if program is not None:
                    yield pid, program
        if hidden and self._user.uid is not None:
            yield from self._at_work_as_user()

    def _at_work_as_user(self) -> Iterator[tuple[int, Path]]:
        _, output = self._user.run(["/bin/sh", "-c", _FIND_AS_USER, "sh", *self._folders], cwd=Path("/"))
        for line in output.splitlines():
            pid, _, program = line.partition(" ")
            if pid.isdecimal() and program:
                yield int(pid), _program(program)

    def _at_work_by_psutil(self) -> Iterator[tuple[int, Path]]:
        import psutil  # type: ignore[import-untyped]  # comes with the wheel; needed where there is no /proc

        for process in psutil.process_iter():
            try:
                if any(os.path.samefile(process.cwd(), folder) for folder in self._folders):
                    yield process.pid, Path(process.exe())
            except (psutil.Error, OSError):
                continue


def reap_orphans() -> None:
    """Take the exit status of dead PostgreSQL processes that the kernel made our children: we may be PID 1.

    Server processes whose postmaster was killed go to PID 1 of the container; nobody else would ever bury them.
    """
    for process in _PROC.glob("[0-9]*"):
        try:
            name, _, rest = process.joinpath("stat").read_text().rpartition(")")
            state, parent = rest.split()[:2]
            if state == "Z" and int(parent) == os.getpid() and name.endswith("(postgres"):
                os.waitpid(int(process.name), os.WNOHANG)
        except (OSError, ValueError):
            continue


def _look(pid: int, folders: list[tuple[int, int]]) -> Path | None:
    """The program of `pid` if it works in one of `folders`; OSError if it is gone or hidden."""
    process = _PROC / str(pid)
    at = process.joinpath("cwd").stat()
    return _program(os.readlink(process / "exe")) if (at.st_dev, at.st_ino) in folders else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _program(link: str) -> Path:
    return Path(link.removesuffix(" (deleted)"))
