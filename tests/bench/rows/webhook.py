"""From POST to the webhook's arrival at a receiver, at 50 orders a second."""

from pathlib import Path

from tests.bench.announced import Receiver, moments_of
from tests.bench.latencies import NS_A_MS, Latencies, latencies_of
from tests.bench.load_result import LoadResult
from tests.bench.processes import Server, run_load
from tests.bench.spans import Spans
from tests.bench.table import Row, at_most, beyond, plain
from tests.bench.venue import Venue, running_venue

_RATE = 50
_WARM_UP_SECONDS = 2


def measure(spans: Spans, folder: Path) -> list[Row]:
    with (
        Server("tests.bench.receiver", log=folder / "receiver.log") as server,
        running_venue(folder / "service", "all") as venue,
    ):
        latencies, result = measure_announcing(spans, venue, server, folder / "orders.txt")
    return [
        at_most("POST to webhook at 50 orders/s, p50", latencies.p50_ms, "ms", 15),
        beyond("POST to webhook at 50 orders/s, p50", latencies.p50_ms, "ms", "<= 7"),
        at_most("POST to webhook at 50 orders/s, p99", latencies.p99_ms, "ms", 60),
        beyond("POST to webhook at 50 orders/s, p99", latencies.p99_ms, "ms", "<= 14"),
        plain("POST to webhook at 50 orders/s, max", latencies.max_ms, "ms"),
        plain("createOrder at 50 orders/s, p99", result.p99_ms, "ms"),
    ]


def measure_announcing(spans: Spans, venue: Venue, server: Server, orders: Path) -> tuple[Latencies, LoadResult]:
    """From POST to the webhook's arrival at the receiver `server`, and what the load was told.

    Open loop; joins the generator's moment of sending with the receiver's moment of arrival, by orderId. `orders`: a
    file for the generator to write.
    """
    venue.subscribe(f"http://127.0.0.1:{server.port}/webhook")
    receiver = Receiver(server)
    length = ("--warm-up", str(_WARM_UP_SECONDS), "--seconds", str(spans.webhook_seconds))
    pace = ("--rate", str(_RATE), "--ids-out", str(orders))
    result = run_load("create", *venue.load_arguments, *pace, *length, expected={"201"})
    sent = moments_of(orders.read_text())
    receiver.wait_for_orders(len(sent), 30)
    arrived = receiver.arrivals()
    counted_from = result.first_sent_ns + _WARM_UP_SECONDS * 1000 * NS_A_MS
    return latencies_of([arrived[order] - at for order, at in sent.items() if at >= counted_from]), result
