"""kill -9 of the service, and of PostgreSQL, under load: whatever was answered stays true, and nothing happens twice.

A round's moments and its load follow from its seed: `KILL_SEED=123 pytest tests/e2e/test_killed.py` begins at that one.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import Load
from tests.e2e.service import Service, wait_for
from tests.e2e.venue import Venue

_FIRST = os.environ.get("KILL_SEED")
SEEDS = range(int(_FIRST), int(_FIRST) + 5) if _FIRST else range(1, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_service_killed_under_load(seed: int, folder: Path, service: Callable[..., Service]) -> None:
    running = service()

    def kill_and_start() -> float:
        running.kill()
        return running.start().ready()

    _round(seed, folder, running, kill_and_start)


@pytest.mark.parametrize("seed", SEEDS)
def test_postgres_killed_under_load(seed: int, folder: Path, service: Callable[..., Service]) -> None:
    running = service()

    def kill_and_wait() -> float:
        killed = running.postmaster()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        return wait_for("another postmaster", lambda: running.postmaster() not in {None, killed}, 20)

    _round(seed, folder, running, kill_and_wait)
    assert len(running.ready_lines()) == 1  # it went on by itself


def _round(seed: int, folder: Path, running: Service, kill: Callable[[], float]) -> None:
    """Two kills, the second while it still recovers from the first, under a load that never stops."""
    chance = random.Random(seed)
    with running_endpoint(folder, refuse_every=25) as endpoint:
        running.start().ready()
        venue = Venue(running, endpoint)
        load = Load(seed, venue.partner_id, venue.partner)
        load.start()
        back = []
        for most in (150, 40):
            venue.wait_for_answers(load, chance.randint(1, most))
            time.sleep(chance.random() * 0.02)  # at any moment of what follows an answer
            back.append(kill())
        since = time.monotonic()
        venue.wait_for_answers(load, 30)
        load.stop()
        venue.wait_until_done()
        settled = time.monotonic() - since
        venue.hold_against_the_truth(f"seed {seed}", load)
    outcomes = Counter(one.outcome for one in load.ledger.asked)
    print(f"seed {seed}: back in {back[0]:.1f} and {back[1]:.1f} s, all settled {settled:.1f} s later; {outcomes}")
