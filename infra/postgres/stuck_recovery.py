"""A server that says for ever that it starts, although nothing starts it.

Seen of PostgreSQL 18.4 on a disk without room: the start-up process had gone while the log was replayed, and the
postmaster, its io workers and its checkpointer waited for it for ever, also once there was room again.
"""

from __future__ import annotations

import time
from pathlib import Path

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.ping import Ping

STUCK_SECONDS = 10.0
"""Between a crash and the replay there is a moment without a start-up process: the others are being ended, in 5 s."""

_LOOK_SECONDS = 0.5
_STARTUP_TITLE = b"postgres: startup"
_PROC = Path("/proc")


class StuckRecovery:
    """Told each answer of one server, it says when the server must be killed to start at all."""

    def __init__(self, processes: ClusterProcesses) -> None:
        self._processes = processes
        self._alive_at = self._looked_at = time.monotonic()

    def seen(self, answer: Ping) -> bool:
        """Whether it has been stuck for so long now."""
        now = time.monotonic()
        if answer is not Ping.STARTING:
            self._alive_at = now
        elif now - self._looked_at >= _LOOK_SECONDS:  # a look goes through all processes of the machine
            self._looked_at = now
            if self._starts():
                self._alive_at = now
        return now - self._alive_at >= STUCK_SECONDS

    def _starts(self) -> bool:
        if not _PROC.joinpath("self", "cmdline").exists():
            return True  # no telling here
        return any(_title(pid).startswith(_STARTUP_TITLE) for pid in self._processes.pids())


def _title(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
