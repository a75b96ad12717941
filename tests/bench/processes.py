"""Starting and ending the processes of the bench, and what they cost."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Set
from pathlib import Path
from types import TracebackType

import msgspec

from tests.bench import proc
from tests.bench.load_result import LoadResult

REPOSITORY = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"http://[\w.\[\]-]+:(\d+)")


class ProcessFailed(Exception):
    """A process of the bench ended, or did not get ready; the text is the end of what it said."""


class Server:
    """A process that says `ready` and its address in one line, its output in a file; ends with the `with` block."""

    def __init__(self, module: str, *arguments: str, log: Path, env: dict[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._log = log
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.seconds_to_ready = 0.0

    def __enter__(self) -> "Server":
        began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, env=self._env, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.port = self._wait_for_port(began + 60)
        except BaseException:
            self.stop()
            raise
        self.seconds_to_ready = time.monotonic() - began
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what does not end within its 10 s and a little."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, without its children."""
        return proc.cpu_seconds(self.pid)

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def _wait_for_port(self, until: float) -> int:
        assert self._process is not None
        while time.monotonic() < until:
            ended = self._process.poll() is not None
            for line in self._log.read_text(errors="replace").splitlines(keepends=True):
                # Only whole lines: of one that is being written the port may be cut.
                if "ready" in line and line.endswith("\n") and (address := _ADDRESS.search(line)):
                    return int(address[1])
            if ended:
                raise ProcessFailed(f"{' '.join(self._command)} ended:\n{self.last_words()}")
            time.sleep(0.01)
        raise ProcessFailed(f"{' '.join(self._command)} did not get ready:\n{self.last_words()}")


def run(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Runs a module of ours to its end in a process of its own; the last line that it printed."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProcessFailed(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    return done.stdout.rstrip().rpartition("\n")[2]


def run_load(*arguments: str, expected: Set[str]) -> LoadResult:
    """Runs the load generator; raises ProcessFailed for lost requests, and for any other answers than the expected.

    `expected`: all the statuses that must occur, as text.
    """
    result = msgspec.json.decode(run("tests.bench.load", *arguments), type=LoadResult)
    if result.lost or result.unanswered:
        raise ProcessFailed(f"{result.lost} connections lost, {result.unanswered} requests without an answer: {result}")
    if set(result.all_status) != expected:
        raise ProcessFailed(f"other answers than {sorted(expected)}: {result}")
    return result
