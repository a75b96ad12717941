"""The database restarted again and again under load: the service goes on each time without a hand.

`RESTARTS=200 pytest tests/e2e/faults/test_restarted_postgres.py` for longer, `RESTARTS_SEED=7` for other moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.faults.siege import besieged
from tests.e2e.service import Service
from tests.own_server import OwnServer

RESTARTS = int(os.environ.get("RESTARTS", "20"))
SEED = int(os.environ.get("RESTARTS_SEED", "1"))
ANSWERS_BETWEEN = 8


@pytest.mark.timeout(60 + 5 * RESTARTS)
def test_restarted_twenty_times_under_load(
    own_server: OwnServer, service_over: Callable[..., Service], folder: Path
) -> None:
    chance = random.Random(SEED)
    back: list[float] = []
    with besieged(service_over(own_server.dsn), folder, own_server.dsn, pause_seconds=1.0) as siege:
        siege.begin()
        for _ in range(RESTARTS):
            siege.until_answers(ANSWERS_BETWEEN)
            time.sleep(chance.random() * 0.02)  # at any moment of what follows an answer
            own_server.restart(chance.choice((signal.SIGINT, signal.SIGQUIT)))
            back.append(siege.until_answers(1))
        siege.end()
        siege.until_answers(ANSWERS_BETWEEN)
    print(f"{RESTARTS} restarts; an order was taken again {max(back):.2f} s after the server was back, at most")
