"""A process that writes is stopped: it keeps nobody else from writing, for its backend runs on, or is ended."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.e2e.client import Answer
from tests.e2e.endpoint import running_endpoint
from tests.e2e.faults.between import running_proxy
from tests.e2e.load import Load, order_body
from tests.e2e.service import Service, wait_for
from tests.e2e.venue import Venue

LONGEST_BLOCK_SECONDS = 3.0
STOPS = 25

# In this database: the server is shared with other tests.
_WRITERS = """
select from pg_locks
where locktype = 'advisory' and objid = 779501 and granted = %s
    and database = (select oid from pg_database where datname = current_database())
"""


class Calling:
    """A request under way."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self._call = call
        self._answer: Answer | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._answer = self._call()

    @property
    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def answer(self) -> Answer:
        self._thread.join(10)
        assert self._answer is not None
        return self._answer


def test_stopped_while_its_call_runs_in_the_server(
    dsn: str, service_over: Callable[..., Service], folder: Path
) -> None:
    stopped, other = service_over(dsn, "stopped", roles="api"), service_over(dsn, "other")
    with running_endpoint(folder) as endpoint, psycopg.connect(dsn) as blocker:
        venue = Venue(other, endpoint, dsn=dsn)
        partner, of_the_stopped = venue.partner(), stopped.client(venue.key)
        held_body = order_body(venue.partner_id, "HELD", paid=True)
        blocker.execute("select pg_advisory_xact_lock(779501)")
        held = Calling(lambda: of_the_stopped.call("POST", "/channelManager", held_body))
        wait_for("its call in the server", lambda: _a_writer(dsn, has_the_lock=False), 5)
        stopped.signal(signal.SIGSTOP)
        blocker.rollback()
        took = _write(venue, "FREE")
        # Its backend ran on: the order is there, although nobody was told.
        refused = partner.call("POST", "/channelManager", held_body)
        assert (refused.status, refused.code, held.is_under_way) == (409, "duplicate_order", True)
        stopped.signal(signal.SIGCONT)
        answer = held.answer()
        assert (answer.status, answer.body["orderId"]) == (201, refused.body["existingOrderId"])
        print(f"the other one's write took {took:.2f} s")
        assert took <= LONGEST_BLOCK_SECONDS
        venue.wait_until_done()
        venue.hold_against_the_truth("a writer stopped in its call")


def test_stopped_before_all_of_its_call_is_sent(dsn: str, service_over: Callable[..., Service], folder: Path) -> None:
    """The worst moment: its backend holds the lock and waits for the last bytes, without which it does not commit."""
    with running_proxy(dsn) as proxy, running_endpoint(folder) as endpoint:
        stopped, other = service_over(proxy.dsn, "stopped", roles="api"), service_over(dsn, "other")
        venue = Venue(other, endpoint, dsn=dsn)
        of_the_stopped = stopped.client(venue.key)
        cut_body = order_body(venue.partner_id, "CUT", paid=True)
        proxy.cuts_call_with = b"order.submitted.v1"
        cut = Calling(lambda: of_the_stopped.call("POST", "/channelManager", cut_body))
        wait_for("a call on its way", lambda: proxy.calls_cut, 5)
        wait_for("its backend with the lock", lambda: _a_writer(dsn, has_the_lock=True), 5)
        stopped.signal(signal.SIGSTOP)
        took = _write(venue, "FREE")
        print(f"the other one's write took {took:.2f} s")
        proxy.cuts_call_with = None
        stopped.signal(signal.SIGCONT)
        answer = cut.answer()  # sent again, for its connection was ended
        assert answer.status == 201 or answer.code == "outcome_unknown"
        assert 0.5 < took <= LONGEST_BLOCK_SECONDS
        venue.wait_until_done()
        venue.hold_against_the_truth("a writer stopped in mid-call")


def test_stopped_again_and_again_under_load(dsn: str, service_over: Callable[..., Service], folder: Path) -> None:
    """At each stop of the one, the other goes on; what the stopped one was asked is answered afterwards."""
    chance = random.Random(8)
    stopped, other = service_over(dsn, "stopped", roles="api"), service_over(dsn, "other")
    with running_endpoint(folder) as endpoint:
        venue = Venue(other, endpoint, dsn=dsn)
        loads = [
            Load(1, venue.partner_id, lambda: stopped.client(venue.key)),
            Load(2, venue.partner_id, lambda: other.client(venue.key)),
        ]
        for load in loads:
            load.start()
        took = []
        for _ in range(STOPS):
            venue.wait_for_answers(loads[0], 3)
            time.sleep(chance.random() * 0.01)  # at any moment of what follows an answer
            stopped.signal(signal.SIGSTOP)
            try:
                took.append(venue.wait_for_answers(loads[1], 10, LONGEST_BLOCK_SECONDS))
            finally:
                stopped.signal(signal.SIGCONT)
        for load in loads:
            load.stop()
        venue.wait_until_done()
        print(f"ten writes of the other one took {max(took):.2f} s at most, over {STOPS} stops")
        venue.hold_against_the_truth("a writer stopped under load", *loads)


def _write(venue: Venue, reference: str) -> float:
    """An order through the other process, until it is accepted; the seconds it took."""
    began = time.monotonic()
    venue.partner().got("POST", "/channelManager", order_body(venue.partner_id, reference, paid=True))
    return time.monotonic() - began


def _a_writer(dsn: str, *, has_the_lock: bool) -> bool:
    """Whether there is one that has it, or waits for it."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(_WRITERS, (has_the_lock,)).fetchone() is not None
