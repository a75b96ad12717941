"""When commands are refused for want of room, and what is kept back and given up."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from infra.postgres import disk_room
from infra.postgres.disk_room import (
    BALLAST,
    BALLAST_BYTES,
    GIVEN_UP_BELOW,
    NEW_CLUSTER_BYTES,
    REFUSED_BELOW,
    DiskRoom,
    ensure_room_for_a_cluster,
)
from infra.postgres.errors import EmbeddedPostgresError


class Disk:
    """Of which `left` bytes are free where the ballast is not there."""

    def __init__(self, folder: Path) -> None:
        self.ballast = folder / BALLAST
        self.left = 1 << 40

    def free(self, _: Path) -> int:
        return max(self.left - (BALLAST_BYTES if self.ballast.exists() else 0), 0)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path)
    monkeypatch.setattr(disk_room, "free_bytes", disk.free)
    return disk


def test_the_ballast_is_whole_and_only_ours(disk: Disk, tmp_path: Path) -> None:
    room = DiskRoom(tmp_path)
    room.look()
    assert room.enough
    status = disk.ballast.stat()
    assert (status.st_size, status.st_mode & 0o777) == (BALLAST_BYTES, 0o600)
    assert status.st_blocks * 512 >= BALLAST_BYTES  # kept back, not only promised


def test_a_disk_that_fills_and_empties(disk: Disk, tmp_path: Path) -> None:
    room = DiskRoom(tmp_path)
    seen = []
    for left in (
        REFUSED_BELOW + BALLAST_BYTES,
        REFUSED_BELOW + BALLAST_BYTES - 1,
        GIVEN_UP_BELOW + BALLAST_BYTES,
        GIVEN_UP_BELOW + BALLAST_BYTES - 1,
        0,
        REFUSED_BELOW + BALLAST_BYTES - 1,
        REFUSED_BELOW + BALLAST_BYTES,
    ):
        disk.left = left
        room.look()
        seen.append((room.enough, disk.ballast.exists()))
    # enough, refused, refused, given up, still, not before there is room for it again, all as it was
    assert seen == [
        (True, True),
        (False, True),
        (False, True),
        (False, False),
        (False, False),
        (False, False),
        (True, True),
    ]


def test_before_a_start_nothing_is_made(disk: Disk, tmp_path: Path) -> None:
    DiskRoom(tmp_path / "not there yet").give_up_if_short()
    DiskRoom(tmp_path).give_up_if_short()
    assert not disk.ballast.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EOPNOTSUPP])
def test_room_that_cannot_be_kept_back_is_no_reason_to_refuse(
    number: int, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    room = DiskRoom(tmp_path)
    room.look()
    assert (room.enough, disk.ballast.exists()) == (True, False)


def test_a_new_cluster_needs_room(disk: Disk, tmp_path: Path) -> None:
    disk.left = NEW_CLUSTER_BYTES
    ensure_room_for_a_cluster(tmp_path)
    disk.left -= 1
    with pytest.raises(EmbeddedPostgresError, match="no room for a new database"):
        ensure_room_for_a_cluster(tmp_path)
