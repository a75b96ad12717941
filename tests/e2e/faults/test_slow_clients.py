"""Clients that send a byte a second, and clients that hang up after their body: nobody else is the worse for them."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.e2e.endpoint import running_endpoint
from tests.e2e.faults.conduct import Conduct, faults_of_conduct, slowest
from tests.e2e.load import Load, order_body
from tests.e2e.service import Service
from tests.e2e.truth import read_database
from tests.e2e.venue import Venue

SLOW_CLIENTS = 20
HANG_UPS = 20
ARRIVAL_SECONDS = 30.0
UNAFFECTED_SECONDS = 2.0


@dataclass
class Trickle:
    """A request of which `sent` bytes are sent at once, and then one a second until the service has enough of it."""

    request: bytes
    sent: int
    wire: socket.socket
    began: float = field(default_factory=time.monotonic)
    heard: bytes = b""
    cut_after: float = 0.0

    def begin(self) -> None:
        self.wire.sendall(self.request[: self.sent])

    def next_byte(self) -> None:
        try:
            self.wire.send(self.request[self.sent : self.sent + 1])
        except OSError:
            return  # cut off: what was said before is still to be read
        self.sent += 1

    def listen(self) -> None:
        """The service has had enough: an answer is here, or the end."""
        with suppress(ConnectionResetError):
            self.heard = self.wire.recv(65536)
        self.cut_after = time.monotonic() - self.began


def test_a_byte_a_second_is_cut_off_and_a_hang_up_changes_nothing(
    dsn: str, service_over: Callable[..., Service], folder: Path
) -> None:
    service = service_over(dsn)
    conduct = Conduct(lambda: service.port)
    with running_endpoint(folder) as endpoint, ThreadPoolExecutor(1) as dripping:
        venue = Venue(service, endpoint, dsn=dsn)
        load = Load(8, venue.partner_id, lambda: conduct.client(venue.key))
        slow = [_trickle(venue, f"SLOW-{n}", whole_head=bool(n % 2)) for n in range(SLOW_CLIENTS)]
        dripped = dripping.submit(_drip, slow)
        load.start()
        for number in range(HANG_UPS):
            venue.wait_for_answers(load, 2)
            with socket.create_connection(("127.0.0.1", service.port)) as wire:
                wire.sendall(_request(venue, f"GONE-{number}")[1])
        load.stop()
        steady = conduct.client(venue.key)
        for number in count():
            steady.got("POST", "/channelManager", order_body(venue.partner_id, f"STEADY-{number}", paid=True))
            if wait([dripped], 0.2).done:
                break
        dripped.result()
        venue.wait_until_done()
        for one in slow:
            _cut_off_in_time(one)
        heard = conduct.heard()
        print(f"{len(heard)} requests of others, the slowest {slowest(heard):.2f} s")
        assert list(faults_of_conduct(heard, UNAFFECTED_SECONDS)) == []
        submitted = [
            event.data["order"]["sellToOrderReference"]
            for event in read_database(dsn).events
            if event.topic == "order.submitted.v1"
        ]
        assert sorted(name for name in submitted if name.startswith("GONE-")) == sorted(
            f"GONE-{number}" for number in range(HANG_UPS)
        )
        assert [name for name in submitted if name.startswith("SLOW-")] == []
        levels = {json.loads(line)["level"] for line in service.output().splitlines() if line.startswith("{")}
        assert levels == {"info"}
        venue.hold_against_the_truth("slow clients", load)
    conduct.close()


def _request(venue: Venue, reference: str) -> tuple[bytes, bytes]:
    """The head, and the whole."""
    body = json.dumps(order_body(venue.partner_id, reference, paid=True)).encode()
    fields = ("Host: x", f"Authorization: Bearer {venue.key}", "Content-Type: application/json")
    head = "\r\n".join(("POST /channelManager HTTP/1.1", *fields, f"Content-Length: {len(body)}", "", "")).encode()
    return head, head + body


def _trickle(venue: Venue, reference: str, *, whole_head: bool) -> Trickle:
    head, whole = _request(venue, reference)
    wire = socket.create_connection(("127.0.0.1", venue.service.port))
    return Trickle(whole, len(head) if whole_head else 1, wire)


def _drip(slow: list[Trickle]) -> None:
    """A byte a second on each, until all are cut off."""
    for one in slow:
        one.begin()
    open_ones = {one.wire: one for one in slow}
    next_second = time.monotonic() + 1
    while open_ones and time.monotonic() - slow[0].began < ARRIVAL_SECONDS + 20:
        readable, _, _ = select.select(list(open_ones), [], [], max(0.0, next_second - time.monotonic()))
        for wire in readable:
            open_ones.pop(wire).listen()
            wire.close()
        if time.monotonic() >= next_second:
            next_second += 1
            for one in open_ones.values():
                one.next_byte()


def _cut_off_in_time(one: Trickle) -> None:
    """With a whole head the answer is 408; without one there is nobody to answer."""
    assert ARRIVAL_SECONDS - 1 <= one.cut_after <= ARRIVAL_SECONDS + 5, one
    if one.request[: one.sent].find(b"\r\n\r\n") < 0:
        assert one.heard == b""
        return
    head, _, body = one.heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "request_timeout"
