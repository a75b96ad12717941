"""Orders from POST to settled, all roles in one process, with a webhook delivered for each."""

from tests.bench.stages import WholeService
from tests.bench.table import Row, at_least, plain


def measure(stage: WholeService) -> list[Row]:
    """Closed loop for some seconds, then waiting until nothing is in flight.

    Throughput is all orders by the time from the first POST to the moment when the last had settled, so that a
    backlog built up meanwhile counts against it.
    """
    settled = stage.settled
    return [
        at_least("POST to settled, one process", settled.orders / settled.seconds, "orders/s", 1200),
        plain("POST to settled, accepted meanwhile", settled.load.per_second, "orders/s"),
        plain("POST to webhook received, one process", settled.orders / settled.announced_seconds, "orders/s"),
        plain("POST to settled, CPU of the service", settled.cpu_seconds / settled.orders * 1e6, "us/order"),
    ]
