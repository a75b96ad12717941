"""createOrder accepted and durable, the api role alone, beside the bare server in interleaved runs."""

from statistics import median

from tests.bench.load_result import LoadResult
from tests.bench.processes import ProcessFailed, run_load
from tests.bench.stages import CONNECTIONS, ApiAlone
from tests.bench.table import Row, at_most, compared, plain

_DUPLICATES = 0.05


def measure(stage: ApiAlone) -> list[Row]:
    """Five rounds of bare, api, api with duplicates: what disturbs the machine disturbs all three.

    The loss by duplicates is of answers per second; the repeats among them are answered 409 and leave no order.
    """
    bare: list[LoadResult] = []
    ours: list[LoadResult] = []
    repeating: list[LoadResult] = []
    cpu_an_order: list[float] = []
    for _ in range(stage.spans.rounds):
        bare.append(_run(stage, "--port", str(stage.bare.port)))
        cpu_before = stage.venue.server.cpu_seconds()
        ours.append(_run(stage, *stage.venue.load_arguments))
        cpu_an_order.append((stage.venue.server.cpu_seconds() - cpu_before) / ours[-1].sent)
        repeating.append(_run(stage, *stage.venue.load_arguments, "--duplicates", str(_DUPLICATES)))
    _check(ours, {"201"})
    _check(bare, {"201"})
    _check(repeating, {"201", "409"})
    bare_rate, rate, repeating_rate = (median(run.per_second for run in runs) for runs in (bare, ours, repeating))
    return [
        compared("createOrder, api alone, 64 connections", rate, "orders/s", bare_rate, at_least=0.30),
        plain("createOrder, p50", median(run.p50_ms for run in ours), "ms"),
        at_most("createOrder, p99", median(run.p99_ms for run in ours), "ms", 20),
        plain("createOrder, CPU of the api process", median(cpu_an_order) * 1e6, "us/order"),
        compared("createOrder, 5 % duplicates", repeating_rate, "answers/s", rate, at_least=0.85),
        plain("load generator against the bare server", bare_rate, "requests/s"),
        plain("load generator, its CPU there", median(run.cpu_share for run in bare), "of a core"),
        plain("load generator, its CPU against the api", median(run.cpu_share for run in ours), "of a core"),
    ]


def _run(stage: ApiAlone, *arguments: str) -> LoadResult:
    return run_load("create", *arguments, "--connections", str(CONNECTIONS), "--seconds", str(stage.spans.seconds))


def _check(runs: list[LoadResult], expected: set[str]) -> None:
    for run in runs:
        if set(run.all_status) != expected:
            raise ProcessFailed(f"other answers than {expected}: {run}")
