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

import psycopg
import pytest

from tests.e2e.client import Client
from tests.e2e.endpoint import Endpoint, running_endpoint
from tests.e2e.load import Load
from tests.e2e.reading import faults_of_reads, faults_of_refused, lags
from tests.e2e.service import Service, wait_for
from tests.e2e.truth import faults_of_answers, faults_of_log, faults_of_webhooks, read_database

_FIRST = os.environ.get("KILL_SEED")
SEEDS = range(int(_FIRST), int(_FIRST) + 5) if _FIRST else range(1, 6)

# An issuance that was under way is leased for ten seconds; the sweeper looks each second.
SETTLED_SECONDS = 15.0


class Venue:
    """A running service with one partner, whose orders are announced to an endpoint."""

    def __init__(self, service: Service, endpoint: Endpoint) -> None:
        self.service = service
        self.endpoint = endpoint
        self.operator = service.client()
        self.partner_id = str(self.operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
        key = self.operator.got("POST", f"/admin/partners/{self.partner_id}/keys", {"name": "shop"})["key"]
        self._key = str(key)
        subscription = {"notificationUrl": endpoint.url, "eventName": "ota_cm_order_processed"}
        self.secret = str(self.partner().got("POST", "/webhook", subscription)["secret"])

    def partner(self) -> Client:
        return self.service.client(self._key)

    def undone(self) -> list[str]:
        """What is still under way: in the service's own words, and in the queue of deliveries."""
        with psycopg.connect(self.service.dsn) as connection:
            pending = connection.execute(
                "select id, tried, lease_owner, due_at - now() from webhook_deliveries where status = 'pending'"
            ).fetchall()
        arrived = {one.webhook_id for one in self.endpoint.deliveries(self.secret) if one.taken} if pending else set()
        return lags(self.operator) + [
            f"delivery {id_}, tried {tried}, of {owner}, due in {due}, arrived: {f'msg_{id_.hex}' in arrived}"
            for id_, tried, owner, due in pending
        ]

    def wait_until_done(self, seconds: float) -> float:
        return wait_for("settled and told", lambda: not self.undone(), seconds, detail=self.undone)


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
            _wait_for_orders(load, chance.randint(1, most), running)
            time.sleep(chance.random() * 0.02)  # at any moment of what follows an answer
            back.append(kill())
        since = time.monotonic()
        _wait_for_orders(load, 30, running)
        load.stop()
        venue.wait_until_done(SETTLED_SECONDS)
        settled = time.monotonic() - since
        _hold_against_the_truth(seed, venue, load)
    outcomes = Counter(one.outcome for one in load.ledger.asked)
    print(f"seed {seed}: back in {back[0]:.1f} and {back[1]:.1f} s, all settled {settled:.1f} s later; {outcomes}")


def _wait_for_orders(load: Load, count: int, running: Service) -> None:
    """Wait until the clients were told of so many more commands that were accepted."""
    enough = load.ledger.accepted + count
    wait_for(
        f"{count} more answers", lambda: load.ledger.accepted >= enough, 30, detail=lambda: running.output()[-4000:]
    )


def _hold_against_the_truth(seed: int, venue: Venue, load: Load) -> None:
    ledger = load.ledger
    partner = venue.partner()
    database = read_database(venue.service.dsn)
    faults = [
        *ledger.surprises,
        *faults_of_log(database),
        *faults_of_answers(ledger.asked, database),
        *faults_of_webhooks(venue.endpoint.deliveries(venue.secret), database),
        *faults_of_reads(partner, venue.operator, venue.partner_id, database),
        *faults_of_refused(partner, venue.partner_id, ledger.asked),
    ]
    assert not faults, f"seed {seed}: {len(faults)} faults\n" + "\n".join(faults[:20])
