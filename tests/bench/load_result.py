"""What the load generator prints: one line of JSON."""

import msgspec

from tests.bench.latencies import Latencies


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The measured window (`seconds` … `cpu_share`), and the whole load with its warm-up and its end.

    `cpu_seconds` is what the generator itself took in the window, `cpu_share` that of one core (1.0: it was the
    bottleneck). Moments (`…_ns`) are of CLOCK_MONOTONIC, which all processes of a machine share.

    Open loop: `lag_…` is how late the generator came to what was due, `due` how much that was, `unsent` what still
    waited for a free connection at the end. `without_retry_after`: answers 503 that do not say when to try again.
    """

    mode: str
    connections: int
    asked_per_second: float | None
    seconds: float
    answers: int
    per_second: float
    status: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    by_status: dict[str, Latencies]
    lag_p99_ms: float
    lag_max_ms: float
    cpu_seconds: float
    cpu_share: float
    due: int
    sent: int
    unsent: int
    without_retry_after: int
    all_status: dict[str, int]
    lost: int
    unanswered: int
    first_sent_ns: int
    last_answer_ns: int
