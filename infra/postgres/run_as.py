"""The user under which the embedded server runs: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.postgres.errors import EmbeddedPostgresError

_CANDIDATES = ("postgres", "nobody")

# `dac_read_search` lets a process pass folders that are closed to its user, and nothing else that writes. Without
# `no_setuid_fixup` the kernel drops it from the effective set, and `access()` fails although `open()` works.
_PASS_CLOSED_FOLDERS = (
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
    "--no-new-privs",
    "--securebits=+no_setuid_fixup",
)


@dataclass(frozen=True)
class ServerUser:
    """A user and the way to run a program as it: ids (None: as we are), and a command to put before the program."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def popen(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        output: int = subprocess.PIPE,
        inherited: Sequence[int] = (),
        own_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start `command` as this user, with an environment that holds none of our own (secrets stay out of it).

        `output`: the descriptor for all that it prints; `inherited`: descriptors that it gets beside.
        """
        changes = self.uid is not None and not self.prefix
        return subprocess.Popen(  # noqa: S603 (no shell; the paths are our own)
            [*self.prefix, *command],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=own_session,
            user=self.uid if changes else None,
            group=self.gid if changes else None,
            extra_groups=[] if changes else None,
        )

    def run(self, command: Sequence[str | Path], *, cwd: Path, inherited: Sequence[int] = ()) -> tuple[int, str]:
        """Run `command` to its end: its exit status and all that it printed."""
        process = self.popen(command, cwd=cwd, inherited=inherited)
        output, _ = process.communicate()
        return process.returncode, output.decode(errors="replace")

    def owns(self, folder: Path) -> bool:
        """Whether this user owns `folder`."""
        return folder.stat().st_uid == (os.geteuid() if self.uid is None else self.uid)

    def give(self, folder: Path) -> None:
        """Make this user the owner of `folder`, and the only one who may look into it."""
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


def choose(cluster: Path) -> ServerUser:
    """The user for the cluster in the folder `cluster`: ourselves, or as root the unprivileged one that has the files.

    Raises EmbeddedPostgresError when we are root and there is no such user.
    """
    if os.geteuid() != 0:
        return ServerUser()
    import pwd

    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return ServerUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is no unprivileged user to run it as "
        f"({' or '.join(_CANDIDATES)}): start the service as another user, or set DATABASE_URL"
    )


def able_to_reach(user: ServerUser, data_dir: Path, program: Path) -> ServerUser:
    """`user` in a form that reaches the folder and the program: as it is, or past a parent that is closed to it.

    Parents are never opened. Raises EmbeddedPostgresError when there is no way in.
    """
    if user.uid is None or _reaches(user, data_dir, program):
        return user
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        ids = (f"--reuid={user.uid}", f"--regid={user.gid}")
        passing = ServerUser(user.uid, user.gid, (setpriv, *ids, *_PASS_CLOSED_FOLDERS))
        if _reaches(passing, data_dir, program):
            return passing
    raise EmbeddedPostgresError(
        f"a folder above {data_dir} or above {program} is closed to the user (id {user.uid}) that runs PostgreSQL for "
        "root, and this system cannot let it pass (setpriv with CAP_DAC_READ_SEARCH): choose another OTA_CM_DATA_DIR "
        "or install the service elsewhere, start it as another user, or set DATABASE_URL"
    )


def _reaches(user: ServerUser, data_dir: Path, program: Path) -> bool:
    """Tried, not computed: only the kernel knows every rule (access lists, mounts, user namespaces)."""
    try:
        status, _ = user.run(
            ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh", data_dir, program], cwd=Path("/")
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return status == 0
