"""Orders from POST to settled, all roles in one process, with a webhook delivered for each."""

from pathlib import Path

from tests.bench.processes import Server
from tests.bench.settling import cpu_rows, settle
from tests.bench.spans import Spans
from tests.bench.table import Row, at_least, plain
from tests.bench.venue import running_venue


def measure(spans: Spans, folder: Path) -> list[Row]:
    with (
        Server("tests.bench.receiver", log=folder / "receiver.log") as receiver,
        running_venue(folder / "service", "all") as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        runs = [settle(venue, receiver, spans.settle_seconds) for _ in range(spans.settle_rounds)]
    announced = [run.orders / run.announced_seconds for run in runs]
    return [
        at_least("POST to settled, one process", [run.per_second for run in runs], "orders/s", 1200),
        plain("POST to settled, one process, accepted meanwhile", [run.load.per_second for run in runs], "orders/s"),
        plain("POST to webhook received, one process", announced, "orders/s"),
        *cpu_rows("one process", runs),
    ]
