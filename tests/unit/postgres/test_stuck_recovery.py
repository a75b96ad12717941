"""When a server that says that it starts is taken to be stuck."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from infra.postgres import stuck_recovery
from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.ping import Ping
from infra.postgres.stuck_recovery import STUCK_SECONDS, StuckRecovery


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Processes:
    def __init__(self) -> None:
        self.living: list[int] = []

    def pids(self) -> list[int]:
        return self.living


@contextmanager
def process(title: str) -> Iterator[int]:
    """One that the kernel shows under this title."""
    running = subprocess.Popen([title, "60"], executable="/bin/sleep")
    try:
        shown = Path(f"/proc/{running.pid}/cmdline")
        while not shown.read_bytes().startswith(title.encode()):
            time.sleep(0.001)
        yield running.pid
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stuck_recovery, "time", clock)
    return clock


def test_one_that_nobody_starts_is_stuck_after_its_time(clock: Clock) -> None:
    processes = Processes()
    recovery = StuckRecovery(cast("ClusterProcesses", processes))
    with process("postgres: checkpointer") as pid:
        processes.living = [pid]
        clock.now += STUCK_SECONDS - 1
        assert not recovery.seen(Ping.STARTING)
        clock.now += 1
        assert recovery.seen(Ping.STARTING)


def test_one_that_replays_its_log_may_take_as_long_as_it_likes(clock: Clock) -> None:
    processes = Processes()
    recovery = StuckRecovery(cast("ClusterProcesses", processes))
    with process("postgres: startup recovering 000000010000000000000002") as pid:
        processes.living = [pid]
        for _ in range(10):
            clock.now += STUCK_SECONDS / 2
            assert not recovery.seen(Ping.STARTING)
    clock.now += STUCK_SECONDS
    assert recovery.seen(Ping.STARTING)  # it has gone, and nobody came in its place


def test_one_that_says_anything_else_is_not_stuck(clock: Clock) -> None:
    recovery = StuckRecovery(cast("ClusterProcesses", Processes()))
    for answer in (Ping.ANSWERS, Ping.SILENT, Ping.ABSENT):
        clock.now += 2 * STUCK_SECONDS
        assert not recovery.seen(answer)
