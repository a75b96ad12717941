"""Orders from POST to settled with a process a role, with a webhook delivered for each: what each process costs."""

from pathlib import Path

from tests.bench.processes import Server
from tests.bench.settling import cpu_rows, settle
from tests.bench.spans import Spans
from tests.bench.table import Row, plain
from tests.bench.venue import running_venue


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Nothing is asked of the throughput: the design's figure has Kafka in the path."""
    with (
        Server("tests.bench.receiver", log=folder / "receiver.log") as receiver,
        running_venue(folder / "service", "api", "issuer", "projector", "webhooks") as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        runs = [settle(venue, receiver, spans.settle_seconds) for _ in range(spans.settle_rounds)]
    return [
        plain("POST to settled, a process a role", [run.per_second for run in runs], "orders/s"),
        plain(
            "POST to settled, a process a role, accepted meanwhile", [run.load.per_second for run in runs], "orders/s"
        ),
        *cpu_rows("a process a role", runs),
    ]
