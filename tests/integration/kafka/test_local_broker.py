"""The broker without Docker: shared, killed, frozen, left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.kafka.broker_jars import BrokerUnavailable, ToolsMissing, jars, java, version
from infra.kafka.local_broker import LocalBroker, answers

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def broker(local_broker: type[LocalBroker], tmp_path: Path) -> Iterator[LocalBroker]:
    """Not started."""
    broker = local_broker(tmp_path / "broker")
    yield broker
    broker.stop()
    with suppress(BrokerUnavailable):
        broker.kill()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Look until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_keeps_its_port_over_a_kill_and_a_stop_and_ends_with_its_last_user(broker: LocalBroker) -> None:
    broker.start()
    address, first = broker.bootstrap, broker.pid
    other = LocalBroker(broker.log.parent)
    other.start()
    assert (other.bootstrap, other.pid) == (address, first)

    broker.kill()
    assert not other.is_alive
    other.start()
    assert (other.bootstrap, broker.is_alive) == (address, True)
    assert other.pid != first

    other.stop()
    assert broker.is_alive
    broker.pause()
    host, _, port = address.rpartition(":")
    assert not answers(host, int(port), seconds=0.2)
    broker.resume()
    assert answers(host, int(port), seconds=30)
    broker.stop()
    assert not broker.is_alive
    with pytest.raises(BrokerUnavailable, match="does not run"):
        broker.kill()


def test_it_ends_when_the_process_that_started_it_is_killed(broker: LocalBroker) -> None:
    folder = broker.log.parent
    start = "import sys, pathlib, infra.kafka.local_broker as b; broker = b.LocalBroker(pathlib.Path(sys.argv[1])); "
    start += "broker.start(); print('started', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", start, str(folder)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        assert broker.is_alive
        owner.send_signal(signal.SIGKILL)
    assert within(30, lambda: not broker.is_alive)


def test_without_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolsMissing, match=r"Java 17 or newer and Maven: .*apt-get install") as missing:
        LocalBroker(tmp_path / "broker").start()
    assert "\n" not in str(missing.value)


def test_a_java_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ToolsMissing, match=r"11\.0\.2.*: Java 17 or newer is needed"):
        java()


def test_without_maven_the_jars_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolsMissing, match="Maven"):
        jars()


def test_its_version_is_the_images() -> None:
    assert version() == "4.3.1"
