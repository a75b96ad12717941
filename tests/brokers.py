"""Kafka brokers for tests: in Docker where its daemon answers, else Apache Kafka's own by Java; the same to use."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from infra.kafka.broker_jars import BrokerUnavailable, ToolsMissing, jars, java, version
from infra.kafka.local_broker import BROKER_SETTINGS, LocalBroker, answers, free_port, is_encrypted
from infra.kafka.settings import KafkaSettings
from infra.postgres.file_lock import FileLock

_START_SECONDS = 120.0
_CONTROLLER_PORT = 19_099


class Broker(Protocol):
    """What a test may do with a broker. One that was killed or stopped starts again with all that it had."""

    @property
    def bootstrap(self) -> str: ...

    @property
    def is_alive(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


def broker_in(folder: Path, settings: Mapping[str, str] | None = None) -> Broker:
    """The broker of this folder, to be started; processes that name the same folder share it, the last one ends it.

    Its start raises ToolsMissing, BrokerUnavailable.
    """
    return ContainerBroker(folder, settings) if docker_answers() else LocalBroker(folder, settings)


def kafka_settings_of(broker: Broker) -> KafkaSettings:
    """Settings for this broker, with a topic and a group that nobody else has."""
    name = uuid.uuid4().hex
    return KafkaSettings((broker.bootstrap,), topic=f"orders-{name}", group=f"issuer-{name}")


@lru_cache
def what_is_missing() -> str | None:
    """What to install to have a broker; None: there can be one. Brings Kafka's jars where they are needed."""
    if not docker_answers():
        try:
            java()
            jars()
        except ToolsMissing as missing:
            return str(missing)
    return None


@lru_cache
def docker_answers() -> bool:
    """Whether a Docker daemon does."""
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def remove_left(folder: Path) -> None:
    """Remove the container of a run that was killed. (A local broker ends by itself.)"""
    for container in folder.glob("*/container"):
        subprocess.run(["docker", "rm", "-f", "-v", container.read_text()], capture_output=True, check=False)


class ContainerBroker:
    """By testcontainers, with the image of the version that the local broker has, on a port that stays the same."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = {**BROKER_SETTINGS, **(settings or {})}
        self._use: FileLock | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    @property
    def is_alive(self) -> bool:
        return self._container().status in {"running", "paused"}

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._use is None:
            self._use = FileLock(self._folder / "use.lock")
            assert self._use.shared(time.monotonic() + _START_SECONDS)
        starting = FileLock(self._folder / "start.lock")
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not starting.try_exclusive():
                self._go_on_until(deadline)
            if not self._folder.joinpath("container").exists():
                self._run()
            elif not self.is_alive:
                self._container().start()
            self._bootstrap = self._folder.joinpath("bootstrap").read_text()
            host, _, port = self.bootstrap.rpartition(":")
            while not answers(host, int(port), tls=is_encrypted(self._settings)):
                self._go_on_until(deadline)
        finally:
            starting.close()

    def stop(self) -> None:
        if self._use is not None:
            if self._use.try_exclusive():
                self._container().stop()
            self._use.close()
            self._use = None

    def kill(self) -> None:
        self._container().kill()
        self._container().wait()

    def pause(self) -> None:
        self._container().pause()

    def resume(self) -> None:
        if self._container().status == "paused":
            self._container().unpause()

    def _container(self) -> Any:
        from testcontainers.core.docker_client import DockerClient

        return DockerClient().client.containers.get(self._folder.joinpath("container").read_text())

    def _run(self) -> None:
        # The reaper would end it with the worker that started it, while others use it; `remove_left` does its work.
        os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.docker_client import DockerClient

        port = free_port()
        address = f"{DockerClient().host()}:{port}"
        settings = {
            **self._settings,
            "controller.quorum.voters": f"1@localhost:{_CONTROLLER_PORT}",
            "listeners": f"CLIENTS://:{port},CONTROLLER://:{_CONTROLLER_PORT}",
            "advertised.listeners": f"CLIENTS://{address}",
        }
        container = DockerContainer(f"apache/kafka:{version()}").with_bind_ports(port, port)
        for name, value in settings.items():
            container = container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        container.start()
        self._folder.joinpath("bootstrap").write_text(address)
        self._folder.joinpath("container").write_text(container.get_wrapped_container().id)

    def _go_on_until(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise BrokerUnavailable(f"the Kafka broker in Docker did not start: {self._container().logs()[-2000:]!r}")
        time.sleep(0.05)
