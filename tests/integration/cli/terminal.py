"""The commands as somebody types them: a process each, its output and its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

REPOSITORY = Path(__file__).parents[3]


class Terminal:
    """`settings` stand in the environment, in the place of those of whoever runs the tests."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTA_CM_")}
        inherited.pop("DATABASE_URL", None)
        inherited.pop("KAFKA_BOOTSTRAP_SERVERS", None)
        self._environment = {**inherited, **settings}

    def type(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services", *arguments],
            cwd=REPOSITORY,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def output(self, *arguments: str) -> str:
        """What a command that must succeed says on standard output."""
        done = self.type(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The last line of such a command's output."""
        return msgspec.json.decode(self.output(*arguments, "--json").splitlines()[-1])

    def refusal(self, status: int, *arguments: str) -> str:
        """The one line on standard error of a command that must fail, and that says nothing else."""
        done = self.type(*arguments)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        return line
