"""A disk of the test's own, small enough to be filled: a file system in memory, mounted on a folder.

Where this user may not mount, the test runs once more in namespaces of its own, in which it may: the outer one makes
it root, so that it can mount; the inner one makes it the user that it was, because PostgreSQL does not run as root.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

_MOUNTED_ELSEWHERE = "CM_TEST_SMALL_DISK"
_STEP = 1 << 20
_BLOCK = 4096

_AGAIN = """
mount -t tmpfs -o size="$1",mode=755 cm-small-disk "$2" || exit 1
shift 2
exec unshare --user --map-user="$1" --map-group="$2" -- "$3" -m pytest -n0 -p no:cacheprovider -q "$4"
"""


class SmallDisk:
    """`folder`: where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @property
    def free(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def fill(self) -> None:
        """To the last block, as somebody else's program would; again, for what has become free since."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (_STEP, _BLOCK):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC  # noqa: PT017 - it is how filling ends

    def make_room(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, size: str, request: pytest.FixtureRequest) -> Iterator[SmallDisk | None]:
    """A disk of `size` on the new folder `folder`. None: the test has run in namespaces instead, and has passed."""
    if (mounted := os.environ.get(_MOUNTED_ELSEWHERE)) is not None:
        yield SmallDisk(Path(mounted))
        return
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size},mode=755", "cm-small-disk", str(folder)]
    refusal = _refusal("mount", *options)
    if refusal is not None:
        _run_in_namespaces(folder, size, request.node.nodeid, refusal)
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _refusal(*command: str) -> str | None:
    """Why the command does not work; None where it did."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr


def _run_in_namespaces(folder: Path, size: str, test: str, refusal: str) -> None:
    script = [_AGAIN, "sh", size, str(folder), str(os.getuid()), str(os.getgid()), sys.executable, test]
    try:
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "--", "/bin/sh", "-c", *script],
            env={**os.environ, _MOUNTED_ELSEWHERE: str(folder)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        _not_possible(f"{refusal}{error}")
    if " passed" in done.stdout:
        return
    if "collected" in done.stdout or " failed" in done.stdout or " error" in done.stdout:
        pytest.fail(f"in namespaces of its own:\n{done.stdout}\n{done.stderr}")
    _not_possible(f"{refusal}{done.stderr}")


def _not_possible(why: str) -> NoReturn:
    reason = f"this user can neither mount a file system nor have namespaces to do so in: {' '.join(why.split())}"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}. Give the container CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN)")
    pytest.skip(reason)
