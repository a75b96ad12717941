"""From POST to the webhook's arrival at a receiver, at 50 orders a second, all roles in one process."""

from tests.bench.announced import moments_of
from tests.bench.latencies import NS_A_MS, latencies_of
from tests.bench.processes import ProcessFailed, run_load
from tests.bench.stages import WholeService
from tests.bench.table import Row, at_most, plain

_RATE = 50
_WARM_UP_SECONDS = 2


def measure(stage: WholeService) -> list[Row]:
    """Open loop; joins the generator's moment of sending with the receiver's moment of arrival, by orderId."""
    announced_before = stage.receiver.orders()
    result = run_load(
        "create",
        *stage.venue.load_arguments,
        *("--rate", str(_RATE), "--warm-up", str(_WARM_UP_SECONDS), "--seconds", str(stage.spans.webhook_seconds)),
        *("--ids-out", str(stage.webhook_orders_file)),
    )
    if set(result.all_status) != {"201"}:
        raise ProcessFailed(f"orders were refused: {result.all_status}")
    sent = moments_of(stage.webhook_orders_file.read_text())
    stage.receiver.wait_for_orders(announced_before + len(sent), 30)
    arrived = stage.receiver.arrivals()
    counted_from = result.first_sent_ns + _WARM_UP_SECONDS * 1000 * NS_A_MS
    latencies = latencies_of([arrived[order] - at for order, at in sent.items() if at >= counted_from])
    return [
        at_most("POST to webhook at 50 orders/s, p50", latencies.p50_ms, "ms", 15),
        at_most("POST to webhook at 50 orders/s, p99", latencies.p99_ms, "ms", 60),
        plain("POST to webhook at 50 orders/s, max", latencies.max_ms, "ms"),
        plain("createOrder at 50 orders/s, p99", result.p99_ms, "ms"),
    ]
