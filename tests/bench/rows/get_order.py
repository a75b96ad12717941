"""getOrder of settled orders, beside the bare server in interleaved runs."""

from statistics import median

from tests.bench.load_result import LoadResult
from tests.bench.processes import ProcessFailed, run_load
from tests.bench.stages import CONNECTIONS, WholeService
from tests.bench.table import Row, compared, plain


def measure(stage: WholeService) -> list[Row]:
    """The bare server's GET has no body to decode, so it is the harder baseline; its POST is given beside it."""
    assert stage.settled.orders
    bare: list[LoadResult] = []
    bare_post: list[LoadResult] = []
    ours: list[LoadResult] = []
    reading = ("--ids", str(stage.settled_orders_file))
    for _ in range(stage.spans.rounds):
        bare.append(_run(stage, "get", "--port", str(stage.bare.port), *reading))
        ours.append(_run(stage, "get", *stage.venue.load_arguments, *reading))
        bare_post.append(_run(stage, "create", "--port", str(stage.bare.port)))
    for run in ours:
        if set(run.all_status) != {"200"}:
            raise ProcessFailed(f"orders were not found: {run}")
    rate = median(run.per_second for run in ours)
    return [
        compared("getOrder, against bare GET", rate, "orders/s", median(run.per_second for run in bare), at_least=0.40),
        compared("getOrder, against bare POST", rate, "orders/s", median(run.per_second for run in bare_post)),
        plain("getOrder, p50", median(run.p50_ms for run in ours), "ms"),
        plain("getOrder, p99", median(run.p99_ms for run in ours), "ms"),
    ]


def _run(stage: WholeService, mode: str, *arguments: str) -> LoadResult:
    seconds = str(min(stage.spans.seconds, 4.0))
    return run_load(mode, *arguments, "--connections", str(CONNECTIONS), "--seconds", seconds)
