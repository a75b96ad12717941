"""The two settings in which things are measured: the api role alone, and the whole service in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from tests.bench.announced import Receiver
from tests.bench.load_result import LoadResult
from tests.bench.processes import ProcessFailed, Server, run_load
from tests.bench.venue import Venue, running_venue

CONNECTIONS = 64


class Spans(msgspec.Struct, frozen=True):
    """How often and how long: `rounds` of interleaved runs of `seconds` each, and what a single run takes."""

    rounds: int = 5
    seconds: float = 6.0
    settle_seconds: float = 15.0
    webhook_seconds: float = 20.0
    malformed_tries: int = 7


QUICK = Spans(rounds=1, seconds=2.0, settle_seconds=3.0, webhook_seconds=4.0, malformed_tries=3)


class Settled(msgspec.Struct, frozen=True):
    """Orders that were created as fast as the service took them, and then waited for.

    `seconds` is from the first POST until the last had settled, `announced_seconds` until its webhook had come.
    """

    orders: int
    seconds: float
    announced_seconds: float
    cpu_seconds: float
    load: LoadResult


class ApiAlone(msgspec.Struct):
    """The api role alone (orders are accepted and not worked on) beside the bare server."""

    spans: Spans
    bare: Server
    venue: Venue


class WholeService:
    """All roles in one process, a webhook receiver in another, and the bare server."""

    def __init__(self, spans: Spans, bare: Server, venue: Venue, receiver: Receiver, folder: Path) -> None:
        self.spans = spans
        self.bare = bare
        self.venue = venue
        self.receiver = receiver
        self.webhook_orders_file = folder / "webhook-orders.txt"
        self.settled_orders_file = folder / "settled-orders.txt"

    @cached_property
    def settled(self) -> Settled:
        """Fills the service with settled orders; done once, by whichever measurement needs them first."""
        venue = self.venue
        orders_before = self.receiver.orders()
        cpu_before = venue.server.cpu_seconds()
        load = run_load(
            "create",
            *venue.load_arguments,
            *("--connections", str(CONNECTIONS), "--warm-up", "0", "--seconds", str(self.spans.settle_seconds)),
            *("--ids-out", str(self.settled_orders_file)),
        )
        if set(load.all_status) != {"201"}:
            raise ProcessFailed(f"orders were refused: {load.all_status}")
        orders = load.all_status["201"]
        settled_ns = venue.wait_until_settled(120)
        announced_ns = self.receiver.wait_for_orders(orders_before + orders, 60)
        return Settled(
            orders=orders,
            seconds=(settled_ns - load.first_sent_ns) / 1e9,
            announced_seconds=(announced_ns - load.first_sent_ns) / 1e9,
            cpu_seconds=venue.server.cpu_seconds() - cpu_before,
            load=load,
        )


@contextmanager
def api_alone(spans: Spans, folder: Path) -> Iterator[ApiAlone]:
    folder.mkdir(parents=True)
    with (
        Server("tests.bench.bare", log=folder / "bare.log") as bare,
        # Nobody picks orders up here, so the limit on the backlog would shut the door after two minutes.
        running_venue(folder / "service", "api", {"OTA_CM_MAX_BACKLOG_SECONDS": "0"}) as venue,
    ):
        yield ApiAlone(spans, bare, venue)


@contextmanager
def whole_service(spans: Spans, folder: Path) -> Iterator[WholeService]:
    folder.mkdir(parents=True)
    with (
        Server("tests.bench.bare", log=folder / "bare.log") as bare,
        Server("tests.bench.receiver", log=folder / "receiver.log") as receiver,
        running_venue(folder / "service", "all") as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        yield WholeService(spans, bare, venue, Receiver(receiver), folder)
