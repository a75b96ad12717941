"""From the start of the process until it says ready, with the embedded PostgreSQL: from nothing, and again."""

from pathlib import Path

from tests.bench.spans import Spans
from tests.bench.table import Row, at_most
from tests.bench.venue import service_environment, service_process


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Cold: no data folder; the cluster is made, the schema, the keys, the first catalog. Warm: a second start in it,
    after a proper stop.
    """
    cold: list[float] = []
    warm: list[float] = []
    for number in range(spans.starts):
        env = service_environment(folder / f"data-{number}")
        for took in (cold, warm):
            with service_process("all", folder / f"service-{number}.log", env) as server:
                took.append(server.seconds_to_ready)
    return [
        at_most("start to ready, embedded, cold", cold, "s", 5),
        at_most("start to ready, embedded, warm", warm, "s", 2),
    ]
