"""Instruments for the hot path: plain numbers of one thread, made into Prometheus' families when it scrapes.

prometheus_client's own take a lock at each value: 0.7 µs a count and 1.0 µs an observation here, against 0.2 µs for
both by these. They are written by the event loop's thread alone; who reads them from another thread may see the newest
value in a bucket and not yet in the sum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

NO_LABELS: Sequence[str] = ()
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Buckets of durations: from a fast answer to the longest deadline of a command."""


class Distribution:
    """How values spread: `counts` holds how many were at most each of `bounds`, and not below the one before; the last
    one counts those above all bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def add(self, other: Distribution) -> None:
        """Take in the values of another one with the same bounds."""
        for place, count in enumerate(other.counts):
            self.counts[place] += count
        self.sum += other.sum

    @property
    def total(self) -> int:
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """As Prometheus wants it: of each bound, how many values were at most that."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            buckets.append((bound, total))
        return buckets


Values = Mapping[tuple[str, ...], float]
"""A value for each combination of the labels' values; that of no labels is `()`."""


def counter(name: str, told: str, values: Values, labels: Sequence[str] = NO_LABELS) -> CounterMetricFamily:
    """`name`: with `_total` at its end."""
    family = CounterMetricFamily(name, told, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def gauge(name: str, told: str, values: Values | float, labels: Sequence[str] = NO_LABELS) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=labels)
    for of, value in (values if isinstance(values, Mapping) else {(): values}).items():
        family.add_metric(of, value)
    return family


def histogram(
    name: str,
    told: str,
    values: Mapping[tuple[str, ...], Distribution] | Distribution,
    labels: Sequence[str] = NO_LABELS,
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, told, labels=labels)
    for of, spread in (values if isinstance(values, Mapping) else {(): values}).items():
        family.add_metric(of, spread.cumulative(), spread.sum)
    return family
