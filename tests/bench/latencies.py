"""Percentiles of durations."""

import msgspec

NS_A_MS = 1_000_000


class Latencies(msgspec.Struct, frozen=True):
    """Milliseconds: the median, the 99th percentile and the longest of a set of durations."""

    p50_ms: float
    p99_ms: float
    max_ms: float


def latencies_of(durations_ns: list[int]) -> Latencies:
    """Exact percentiles (nearest rank) of durations in nanoseconds; all zero where there is none."""
    if not durations_ns:
        return Latencies(0.0, 0.0, 0.0)
    ordered = sorted(durations_ns)

    def rank(percent: int) -> float:
        return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)] / NS_A_MS, 3)

    return Latencies(p50_ms=rank(50), p99_ms=rank(99), max_ms=round(ordered[-1] / NS_A_MS, 3))
