"""The service as an operator runs it: a process of its own on a data folder; started, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from tests.always_open import ALWAYS_OPEN
from tests.e2e.client import Client

REPOSITORY = Path(__file__).resolve().parents[2]
OPERATOR_KEY = "operator-key-of-the-end-to-end-tests"
_ADDRESS = re.compile(r"ready at http://127\.0\.0\.1:(\d+)")

# What a developer's own shell may hold, and what no test must depend on; without bytecode, a start takes twice as long.
_FOREIGN = re.compile("^(OTA_CM_|OTEL_|DATABASE_URL$|KAFKA_|PYTHONDONTWRITEBYTECODE$)")

SETTINGS: Mapping[str, str] = {
    "OTA_CM_OPERATOR_KEY": OPERATOR_KEY,
    "OTA_CM_RATE_LIMIT": "off",
    "OTA_CM_LOG_FORMAT": "json",
    "OTA_CM_WEBHOOK_ALLOW_HTTP": "true",
    "OTA_CM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    "OTA_CM_WEBHOOK_RETRY_SECONDS": "0.2,0.3,0.5,0.5,1,1,1,2,2",
}


def wait_for(
    what: str, condition: Callable[[], Any], seconds: float, *, detail: Callable[[], object] = str, every: float = 0.02
) -> float:
    """Look `every` so many seconds until the condition holds; how many that took.

    Fails the test after `seconds`, with the detail.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{detail()}")
        time.sleep(every)
    return time.monotonic() - began


class Service:
    """`python -m services serve` with its data in `folder/data` and its output in `folder/<name>.log`.

    `command`: another one than serve.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        name: str = "service",
        settings: Mapping[str, str] | None = None,
        command: str = "serve",
    ) -> None:
        self.data = folder / "data"
        self.log = folder / f"{name}.log"
        self._arguments = (command, *(arguments or (("--port", "0") if command == "serve" else ())))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not _FOREIGN.match(name)},
            **SETTINGS,
            "OTA_CM_DATA_DIR": str(self.data),
            # In place of the sample, which is sold out at some time, and closed at Christmas.
            **({"OTA_CM_CATALOG": str(ALWAYS_OPEN)} if "DATABASE_URL" not in (settings or {}) else {}),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._output_from = 0
        self._clients: list[Client] = []
        self.port = 0

    @property
    def dsn(self) -> str:
        """Of the embedded database."""
        return make_conninfo(host=str(self.data.resolve()), user="postgres", dbname="postgres")

    def start(self) -> Service:
        """Start the process, and return while it starts."""
        with self.log.open("ab") as log:
            self._output_from = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services", *self._arguments],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def ready(self, seconds: float = 45.0) -> float:
        """Wait for the line that says ready; the seconds it took."""
        took = wait_for("ready", lambda: self.is_ready() or self.ended, seconds)
        assert not self.ended, self.output()
        return took

    def is_ready(self) -> bool:
        """Whether this start has said so; its port is known from then on."""
        output = self.output()
        if (address := _ADDRESS.search(output)) is not None:
            self.port = int(address[1])
        return "channel-manager is ready" in output

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def output(self) -> str:
        """What this start of the process has said so far, whole lines only."""
        with self.log.open("rb") as log:
            log.seek(self._output_from)
            return log.read().decode(errors="replace").rpartition("\n")[0]

    def ready_lines(self) -> list[str]:
        """Of all starts, one each."""
        return [line for line in self.log.read_text().splitlines() if line.startswith("channel-manager is ready")]

    def client(self, key: str | None = OPERATOR_KEY) -> Client:
        """Follows the service over its restarts."""
        self._clients.append(Client(lambda: self.port, key))
        return self._clients[-1]

    def kill(self) -> None:
        """kill -9 of the process alone: its PostgreSQL lives on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def exit_status(self, seconds: float = 20.0) -> int:
        """Wait for its end."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {seconds:g} s:\n{self.output()[-4000:]}") from None

    def run_to_end(self, seconds: float = 30.0) -> tuple[int, str]:
        """For a start that is refused: the exit status, and all that was said."""
        self.start()
        status = self.exit_status(seconds)
        with self.log.open("rb") as log:
            log.seek(self._output_from)
            return status, log.read().decode()

    def clean_up(self) -> None:
        """Leave no process and no connection behind, whatever the test did."""
        for client in self._clients:
            client.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        cluster = self.data / "pg18"
        if cluster.exists():
            left = ClusterProcesses([cluster], binaries(18), choose(cluster))
            while left.kill():
                pass

    def postmaster(self) -> int | None:
        """The pid of the embedded server's first process; None while there is none."""
        try:
            return int((self.data / "pg18" / "postmaster.pid").read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
