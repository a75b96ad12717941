"""Locks between processes that the kernel drops when their holder dies, however it dies (flock)."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.02


class FileLock:
    """One `flock` on a file, held by an open descriptor. Whoever inherits the descriptor holds the lock as well."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def descriptor(self) -> int:
        """The open file descriptor, to hand to a child."""
        return self._descriptor

    def try_shared(self) -> bool:
        """Take the lock together with others, if nobody has it for itself. Does not wait."""
        return self._try(shared=True)

    def try_exclusive(self) -> bool:
        """Take the lock alone, if nobody else has it. Does not wait; a shared lock held before is lost on failure."""
        return self._try(shared=False)

    def shared(self, deadline: float) -> bool:
        """Wait for the shared lock until `deadline` (`time.monotonic()`). Returns whether it was taken."""
        while not self.try_shared():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def close(self) -> None:
        """Close the descriptor: the lock goes, unless a child inherited it and lives. Harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try(self, *, shared: bool) -> bool:
        if sys.platform == "win32":
            raise OSError("this system has no flock")
        import fcntl

        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
