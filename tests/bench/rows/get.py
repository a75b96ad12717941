"""getOrder of settled orders, the api role alone, beside the bare server in interleaved runs."""

from pathlib import Path

from tests.bench.history import write_past
from tests.bench.load_result import LoadResult
from tests.bench.processes import Server, run_load
from tests.bench.spans import CONNECTIONS, Spans
from tests.bench.table import Row, compared, plain
from tests.bench.venue import running_venue


def measure(spans: Spans, folder: Path) -> list[Row]:
    """The bare server's GET has no body to decode, so it is the harder baseline; its POST is given beside it."""
    bare: list[LoadResult] = []
    bare_post: list[LoadResult] = []
    ours: list[LoadResult] = []
    seconds = str(spans.read_seconds)

    def load(mode: str, *arguments: str, expected: str) -> LoadResult:
        connections = str(CONNECTIONS)
        return run_load(mode, *arguments, "--connections", connections, "--seconds", seconds, expected={expected})

    with (
        Server("tests.bench.bare", log=folder / "bare.log") as bare_server,
        running_venue(folder / "service", "api", "projector") as venue,
    ):
        past = write_past(venue, spans.settled_orders)
        venue.wait_until_projected(60)
        port, ids = ("--port", str(bare_server.port)), ("--ids", past.ids_file)
        for _ in range(spans.rounds):
            bare.append(load("get", *port, *ids, expected="200"))
            ours.append(load("get", *venue.load_arguments, *ids, expected="200"))
            bare_post.append(load("create", *port, expected="201"))
    rates, bare_rates, post_rates = ([run.per_second for run in runs] for runs in (ours, bare, bare_post))
    return [
        compared("getOrder, 64 connections, against bare GET", rates, "orders/s", bare_rates, at_least=0.40),
        plain("getOrder, against bare POST", rates, "orders/s", post_rates),
        plain("getOrder, p50", [run.p50_ms for run in ours], "ms"),
        plain("getOrder, p99", [run.p99_ms for run in ours], "ms"),
    ]
