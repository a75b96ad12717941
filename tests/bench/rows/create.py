"""createOrder accepted and durable, the api role alone, beside the bare server and the stock answer."""

from pathlib import Path
from statistics import median

from tests.bench.load_result import LoadResult
from tests.bench.processes import Server, run_load
from tests.bench.spans import CONNECTIONS, Spans
from tests.bench.table import Row, at_most, beyond, compared, plain
from tests.bench.venue import running_venue

_DUPLICATES = 0.05
_CREATED, _SOME_REFUSED = {"201"}, {"201", "409"}


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Rounds of bare, ours, stock, ours with duplicates: what disturbs the machine disturbs all of them.

    The loss by duplicates is of answers per second; the repeats among them are answered 409 and leave no order.
    """
    bare: list[LoadResult] = []
    ours: list[LoadResult] = []
    stock: list[LoadResult] = []
    repeating: list[LoadResult] = []
    api_us: list[float] = []
    postgres_us: list[float] = []
    stock_us: list[float] = []
    seconds = str(spans.create_seconds)

    def load(*arguments: str, expected: set[str] = _CREATED) -> LoadResult:
        connections = str(CONNECTIONS)
        return run_load("create", *arguments, "--connections", connections, "--seconds", seconds, expected=expected)

    with (
        Server("tests.bench.bare", log=folder / "bare.log") as bare_server,
        Server("tests.bench.stock", "--data", str(folder / "stock"), log=folder / "stock.log") as stock_server,
        # Nobody picks orders up here, so the limit on the backlog would shut the door after two minutes.
        running_venue(folder / "service", "api", settings={"OTA_CM_MAX_BACKLOG_SECONDS": "0"}) as venue,
    ):
        for _ in range(spans.rounds):
            bare.append(load("--port", str(bare_server.port)))
            before = venue.cpu_seconds()
            ours.append(load(*venue.load_arguments))
            after = venue.cpu_seconds()
            api_us.append((after["api"] - before["api"]) / ours[-1].sent * 1e6)
            postgres_us.append((after["PostgreSQL"] - before["PostgreSQL"]) / ours[-1].sent * 1e6)
            stock_before = stock_server.cpu_seconds()
            stock.append(load("--port", str(stock_server.port)))
            stock_us.append((stock_server.cpu_seconds() - stock_before) / stock[-1].sent * 1e6)
            repeating.append(load(*venue.load_arguments, "--duplicates", str(_DUPLICATES), expected=_SOME_REFUSED))
    bare_rates, rates, stock_rates = _rates(bare), _rates(ours), _rates(stock)
    ratio = median(rates) / median(bare_rates)
    return [
        compared("createOrder, api alone, 64 connections", rates, "orders/s", bare_rates, at_least=0.30),
        beyond("createOrder, of the bare server's", ratio, "of bare", ">= 0.50"),
        plain("createOrder, p50", [run.p50_ms for run in ours], "ms"),
        at_most("createOrder, p99", [run.p99_ms for run in ours], "ms", 20),
        plain("createOrder, the stock answer", stock_rates, "orders/s", bare_rates),
        plain("createOrder, the stock answer, p50", [run.p50_ms for run in stock], "ms"),
        plain("createOrder, the stock answer, p99", [run.p99_ms for run in stock], "ms"),
        plain("createOrder, against the stock answer", rates, "orders/s", stock_rates),
        compared("createOrder, 5 % duplicates", _rates(repeating), "answers/s", rates, at_least=0.85),
        plain("createOrder, CPU of the api process", api_us, "us/order"),
        plain("createOrder, CPU of PostgreSQL", postgres_us, "us/order"),
        plain("createOrder, the stock answer, CPU of its process", stock_us, "us/order"),
        plain("load generator against the bare server", bare_rates, "requests/s"),
        plain("load generator, its CPU there", [run.cpu_share for run in bare], "of a core"),
        plain("load generator, its CPU against the api", [run.cpu_share for run in ours], "of a core"),
    ]


def _rates(runs: list[LoadResult]) -> list[float]:
    return [run.per_second for run in runs]
