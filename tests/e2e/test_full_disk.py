"""A disk that somebody else fills to its last block, twice, under a load that never stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.client import Answer, Client
from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import Load, order_body
from tests.e2e.service import REPOSITORY, SETTINGS, Service, wait_for
from tests.e2e.small_disk import SmallDisk, small_disk
from tests.e2e.venue import Venue

# Two write-ahead log segments kept back, four below which nothing is taken, and what a young database needs.
SIZE = "320m"
LOOKS = 30

# A command's and a read's deadline is 5 s; the rest is for a machine that has other things to do.
ANSWER_SECONDS = 8.0
BACK_SECONDS = 30.0
"""A server that hangs in its start is given up after ten."""


@pytest.fixture
def disk(folder: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk | None]:
    with small_disk(folder / "disk", SIZE, request) as disk:
        yield disk


@pytest.fixture
def running(disk: SmallDisk | None) -> Iterator[Service | None]:
    """With its log on the same disk."""
    if disk is None:
        yield None
        return
    service = Service(disk.folder)
    yield service
    service.clean_up()


@pytest.mark.timeout(300)
def test_a_full_disk(folder: Path, disk: SmallDisk | None, running: Service | None) -> None:
    if disk is None or running is None:
        return  # it has run, and passed, in namespaces of its own
    with running_endpoint(folder, refuse_every=25) as endpoint:
        running.start().ready()
        venue = Venue(running, endpoint)
        load = Load(1, venue.partner_id, venue.partner)
        load.start()
        venue.wait_for_answers(load, 100)

        _reads_go_on_and_nothing_is_taken(disk, venue, _accepted(load))
        running.kill()
        running.start().ready()  # as an operator in need may do
        venue.operator.close()
        assert _read(venue.partner(), _accepted(load)).status == 200
        _without_any_room_everything_is_503(disk, venue, _accepted(load))

        disk.make_room()
        began = time.monotonic()
        venue.wait_for_answers(load, 1, BACK_SECONDS)
        back = time.monotonic() - began
        venue.wait_for_answers(load, 30)
        load.stop()
        settled = venue.wait_until_done(30)
        venue.hold_against_the_truth("after a full disk", load)
        assert not running.ended
        assert len(running.ready_lines()) == 2  # since its second start it has gone on by itself
    print(f"taken again {back:.1f} s after there was room, all settled {settled:.1f} s after the load")


def _reads_go_on_and_nothing_is_taken(disk: SmallDisk, venue: Venue, settled: str) -> None:
    partner = venue.partner()
    disk.fill()
    wait_for("what was kept back is given up", lambda: disk.free > 0, 10)
    # It may have ended for want of room a moment before; then it starts again first.
    wait_for("reads", lambda: _read(partner, settled).status == 200, 10)
    wait_for("refusals", lambda: _create(venue, partner, "first").status == 503, 10)
    for look in range(LOOKS):
        for path in (
            f"/channelManager/{settled}",
            f"/channelManager/{settled}/history",
            f"/channelManager/orders/{venue.partner_id}",
        ):
            client = venue.operator if path.endswith("history") else partner
            answer = client.call("GET", path)
            assert answer.status == 200, (path, answer)
        refused = _create(venue, partner, f"full-{look}")
        assert (refused.status, refused.code) == (503, "unavailable")
        assert refused.headers["retry-after"]
    assert venue.operator.call("GET", "/readyz").status == 200  # who reads is served
    assert _doctor(venue.service) == (1, "fail")


def _without_any_room_everything_is_503(disk: SmallDisk, venue: Venue, settled: str) -> None:
    partner = venue.partner()
    disk.fill()
    with pytest.raises(psycopg.Error):
        _grow_the_write_ahead_log(venue.service.dsn)  # where it cannot, the server ends
    wait_for("not ready", lambda: venue.operator.call("GET", "/readyz").status == 503, 20)
    asked: list[Callable[[], Answer]] = [
        lambda: _read(partner, settled),
        lambda: _create(venue, partner, "no-room"),
        lambda: venue.operator.call("GET", "/readyz"),
        lambda: _read(partner, settled),
    ]
    for ask in asked:
        began = time.monotonic()
        answer = ask()
        took = time.monotonic() - began
        print(f"without any room: {answer.status} in {took:.1f} s")
        assert answer.status == 503, answer
        assert took < ANSWER_SECONDS
    assert venue.operator.call("GET", "/healthz").status == 200


def _grow_the_write_ahead_log(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            connection.execute("select pg_logical_emit_message(true, 'filler', repeat('x', 100000))")


def _accepted(load: Load) -> str:
    """Of the load's first order."""
    return next(one.order_id for one in load.ledger.asked if one.outcome == "accepted" and one.order_id)


def _read(partner: Client, order_id: object) -> Answer:
    return partner.call("GET", f"/channelManager/{order_id}")


def _create(venue: Venue, partner: Client, reference: str) -> Answer:
    return partner.call("POST", "/channelManager", order_body(venue.partner_id, reference, paid=True))


def _doctor(service: Service) -> tuple[int, str]:
    """The exit status of `doctor` beside the service, and what it says of the disk."""
    done = subprocess.run(
        [sys.executable, "-m", "services", "doctor", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, **SETTINGS, "OTA_CM_DATA_DIR": str(service.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    states = {check["check"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    return done.returncode, states["disk"]
