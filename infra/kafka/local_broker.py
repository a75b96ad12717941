"""A Kafka broker without Docker: Apache Kafka's own, one node in KRaft mode, in a folder that several processes share.

For tests, measurements and the demonstration. `use.lock`, shared, is held by every process that uses it; a guard
(`broker_guard.py`) ends the broker when nobody does any more, however they ended. A broker that was killed starts again
on the same folder and port with all that it had.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from infra.kafka.broker_jars import BrokerUnavailable, jars, java
from infra.postgres.file_lock import FileLock

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
_ATTEMPTS: Final = 3
_HOST: Final = "127.0.0.1"

# Below the ports that systems give to outgoing connections: one of those might take the port of a broker that is down.
_PORTS: Final = range(20_000, 32_000)

_LOGGING: Final = Path(__file__).with_name("log4j2.properties")
_GUARD: Final = Path(__file__).with_name("broker_guard.py")
_JVM: Final = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_SECURITY: Final = "listener.security.protocol.map"
BROKER_SETTINGS: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    _SECURITY: "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "controller.listener.names": "CONTROLLER",
    "num.partitions": "12",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # A broker that was killed is let in again when its old session is over: 12 s with the defaults.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}


class LocalBroker:
    """The broker in `folder`, which must be on a disk. Everything here blocks.

    `settings` are added to the broker's own when the folder is new, e.g. {"message.max.bytes": "2000"}.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._settings = {**BROKER_SETTINGS, **(settings or {})}
        self._use: FileLock | None = None
        self._port: int | None = None

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port`, the same for the whole life of the folder; known once it was started."""
        if self._port is None:
            raise BrokerUnavailable(f"the Kafka broker in {self._folder} was not started")
        return f"{_HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """What the broker said, over all its starts."""
        return self._folder / "broker.log"

    @property
    def is_alive(self) -> bool:
        """Whether the broker's process lives, be it stopped or mute."""
        alive = FileLock(self._folder / "alive.lock")
        try:
            return not alive.try_shared()
        finally:
            alive.close()

    @property
    def pid(self) -> int:
        """Of the broker's process. Raises BrokerUnavailable when it does not live."""
        if not self.is_alive:
            raise BrokerUnavailable(f"the Kafka broker in {self._folder} does not run")
        return int((self._folder / "broker.pid").read_text())

    def start(self) -> None:
        """Join those who use the broker, and start it if it does not run; returns when it serves clients.

        Raises BrokerUnavailable.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._use is None:
            use = FileLock(self._folder / "use.lock")
            # The guard holds it alone while it ends a broker that nobody used.
            if not use.shared(time.monotonic() + _START_SECONDS):
                use.close()
                raise self._failure("another process has been stopping it all the time")
            self._use = use
        start = FileLock(self._folder / "start.lock")
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not start.try_exclusive():
                self._go_on_until(deadline, "another process has been starting it all the time")
            if not self.is_alive:
                self._run()
            while not self._serves():
                self._go_on_until(deadline, "it does not answer")
        except BaseException:
            self._leave()
            raise
        finally:
            start.close()

    def stop(self) -> None:
        """Leave; returns when the broker has ended, if nobody else uses it. Harmless when repeated."""
        if self._use is not None:
            last = self._use.try_exclusive()
            self._leave()
            if last:
                self._await_end()

    def kill(self) -> None:
        """kill -9. `start` brings it back."""
        os.kill(self.pid, signal.SIGKILL)
        self._await_end()

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _leave(self) -> None:
        if self._use is not None:
            self._use.close()
            self._use = None

    def _run(self) -> None:
        """Start it while nobody else does. A new folder whose ports were taken meanwhile is made again."""
        java_path, classes = java(), f"{jars()}/*"
        for attempt in range(1, _ATTEMPTS + 1):
            is_new = not (self._folder / "data").exists()
            if is_new:
                self._make(java_path, classes)
            (self._folder / "broker.pid").unlink(missing_ok=True)
            self._launch([java_path, *_JVM, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", classes, "kafka.Kafka"])
            if self._serves_before(time.monotonic() + _START_SECONDS):
                return
            if not is_new or attempt == _ATTEMPTS:
                break
            shutil.rmtree(self._folder / "data")
        raise self._failure("it ended while it started")

    def _make(self, java_path: str, classes: str) -> None:
        """Settings with ports of its own, and a formatted folder; a folder with the final name is whole."""
        port, controller = free_port(), free_port()
        unfinished, final = self._folder / "data.new", self._folder / "data"
        shutil.rmtree(unfinished, ignore_errors=True)
        settings = {
            **self._settings,
            "controller.quorum.voters": f"1@{_HOST}:{controller}",
            "listeners": f"CLIENTS://{_HOST}:{port},CONTROLLER://{_HOST}:{controller}",
            "advertised.listeners": f"CLIENTS://{_HOST}:{port}",
        }
        form = [java_path, *_JVM, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", classes, "kafka.tools.StorageTool"]
        form += [
            "format",
            "-t",
            f"A{secrets.token_urlsafe(16)[1:]}",
            "-c",
        ]  # never "-…": an option
        for folder in (unfinished, final):
            self._folder.joinpath("server.properties").write_text(
                "".join(f"{name}={value}\n" for name, value in {**settings, "log.dirs": str(folder)}.items())
            )
            if folder is unfinished:
                done = subprocess.run(  # noqa: S603 - the paths are our own
                    [*form, "server.properties"],
                    cwd=self._folder,
                    capture_output=True,
                    text=True,
                    timeout=_START_SECONDS,
                    check=False,
                )
                if done.returncode != 0:
                    raise BrokerUnavailable(
                        f"Kafka's folder cannot be formatted: {(done.stdout + done.stderr)[-2000:]}"
                    )
        self._folder.joinpath("port").write_text(str(port))
        unfinished.rename(final)

    def _launch(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            guard = subprocess.Popen(  # noqa: S603 - the paths are our own
                [sys.executable, str(_GUARD), str(self._folder), *command, "server.properties"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for those who use it; when they are gone, the guard acts
            )
        threading.Thread(target=guard.wait, name="kafka-guard-reaper", daemon=True).start()

    def _serves_before(self, deadline: float) -> bool:
        """Wait until it serves clients: True; False when its process ends before."""
        while not self._serves():
            if (self._folder / "broker.pid").exists() and not self.is_alive:
                return False
            self._go_on_until(deadline, f"it did not answer within {_START_SECONDS:.0f} s")
        return True

    def _serves(self) -> bool:
        """Whether it answers a client; it does so only once it may make topics."""
        self._port = int((self._folder / "port").read_text())
        return answers(_HOST, self._port, tls=is_encrypted(self._settings))

    def _await_end(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        while self.is_alive:
            self._go_on_until(deadline, "it does not end")

    def _go_on_until(self, deadline: float, trouble: str) -> None:
        if time.monotonic() > deadline:
            raise self._failure(trouble)
        time.sleep(_POLL_SECONDS)

    def _failure(self, trouble: str) -> BrokerUnavailable:
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        return BrokerUnavailable(f"the Kafka broker in {self._folder}: {trouble}. End of its output:\n{tail}")


def is_encrypted(settings: Mapping[str, str]) -> bool:
    """Whether a broker with these settings speaks TLS with its clients."""
    return bool({"CLIENTS:SSL", "CLIENTS:SASL_SSL"} & set(settings[_SECURITY].split(",")))


def answers(host: str, port: int, *, tls: bool = False, seconds: float = 1.0) -> bool:
    """Whether a broker answers there: it is asked for the versions that it speaks, which needs no right."""
    ask = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions 0, correlation 1, no client's name
    try:
        with (
            socket.create_connection((host, port), seconds) as plain,
            _unverified().wrap_socket(plain) if tls else nullcontext(plain) as connection,
        ):
            connection.sendall(struct.pack(">i", len(ask)) + ask)
            return len(connection.recv(4)) > 0
    except OSError:
        return False


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def free_port() -> int:
    """A port of this machine that nobody has now, and that outgoing connections are not given."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as attempt:
            try:
                attempt.bind((_HOST, port))
            except OSError:
                continue
        return port
