"""`python broker_guard.py FOLDER COMMAND...`: the process above a local broker, which ends when nobody uses it.

However its users end, the kernel drops their shared locks on `use.lock`; the guard waits until it has that lock alone.
The broker inherits `alive.lock`: while it is taken, the broker lives. Standard library only: it is run as a file.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.1
_POLITE_STOP_SECONDS = 15.0


def main(folder: Path, command: list[str]) -> int:
    """Start the broker, wait until it ends or is no longer used; its exit status."""
    with (folder / "use.lock").open("w") as use, (folder / "broker.log").open("ab") as log:
        with (folder / "alive.lock").open("w") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)  # whoever only looks has it for a moment
            broker = subprocess.Popen(  # noqa: S603 - the command is our own
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[alive.fileno()]
            )
        pid = folder / "broker.pid"
        draft = pid.with_suffix(".draft")
        draft.write_text(str(broker.pid))
        draft.rename(pid)
        while broker.poll() is None and not _alone(use.fileno()):
            time.sleep(_POLL_SECONDS)
        _end(broker)
    return broker.returncode


def _alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(broker: subprocess.Popen[bytes]) -> None:
    if broker.poll() is None:
        broker.terminate()
        broker.send_signal(signal.SIGCONT)  # a stopped one would not hear it
        try:
            broker.wait(_POLITE_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
