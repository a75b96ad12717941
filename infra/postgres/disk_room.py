"""Room on the embedded server's disk: commands are refused before it is full, and some is kept back for when it is.

PostgreSQL ends (PANIC) when its write-ahead log cannot grow, and does not come back before it can: then nothing can be
read either. So commands are refused while there still is room for what reads and housekeeping write. Where somebody
else fills the disk to its end all the same, a file of ours (the ballast) is given up: there is room again at once.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

import structlog

from infra.postgres.errors import EmbeddedPostgresError

_LOG_SEGMENT: Final = 16 << 20
"""In this step the server's write-ahead log grows, in bytes."""

REFUSED_BELOW: Final = 4 * _LOG_SEGMENT
GIVEN_UP_BELOW: Final = _LOG_SEGMENT
BALLAST_BYTES: Final = 2 * _LOG_SEGMENT
NEW_CLUSTER_BYTES: Final = 10 * _LOG_SEGMENT
BALLAST: Final = "ballast"

_OUT_OF_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

_log = structlog.get_logger()


class DiskRoom:
    """Watches the disk of a data folder. Several processes may watch one: what they do is the same.

    All but `enough` blocks, and raises OSError where the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / BALLAST
        self._enough = True

    @property
    def enough(self) -> bool:
        """Whether there was enough to take commands when it was looked at last."""
        return self._enough

    def look(self) -> None:
        """See how much is free. The ballast is given up where there is hardly any, made anew where there is plenty."""
        self.give_up_if_short()
        free = free_bytes(self._folder)
        if not self._is_kept() and free >= REFUSED_BELOW + BALLAST_BYTES:
            self._keep()
            free = free_bytes(self._folder)
        # Without the ballast it must be free as well: else commands would take its place.
        enough = free >= REFUSED_BELOW + (0 if self._is_kept() else BALLAST_BYTES)
        if enough != self._enough:
            report = _log.info if enough else _log.error
            report("disk_has_room" if enough else "disk_nearly_full", folder=str(self._folder), free_bytes=free)
        self._enough = enough

    def give_up_if_short(self) -> None:
        """To be called before the server is started too: after a crash it needs room to recover."""
        if self._is_kept() and (free := free_bytes(self._folder)) < GIVEN_UP_BELOW:
            self._ballast.unlink(missing_ok=True)
            _log.error("disk_ballast_given_up", folder=str(self._folder), free_bytes=free)

    def _is_kept(self) -> bool:
        return self._ballast.exists()

    def _keep(self) -> None:
        """Only where it can be had whole. A file system that cannot keep room back is one without a ballast."""
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            else:
                os.write(descriptor, bytes(BALLAST_BYTES))
        except OSError as error:
            self._ballast.unlink(missing_ok=True)
            if error.errno not in _OUT_OF_ROOM:
                _log.warning("disk_ballast_not_made", error=error.strerror)
        finally:
            os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """What a user without privileges may still write to the folder's file system. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def ensure_room_for_a_cluster(folder: Path) -> None:
    """Raises EmbeddedPostgresError where a new database would be refused commands soon, or could not be made whole."""
    free = free_bytes(folder)
    if free < NEW_CLUSTER_BYTES:
        raise EmbeddedPostgresError(
            f"there is no room for a new database in {folder}: {free >> 20} MiB are free, "
            f"{NEW_CLUSTER_BYTES >> 20} MiB are needed; make room, or choose another OTA_CM_DATA_DIR"
        )
