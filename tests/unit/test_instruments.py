"""The instruments of the hot path, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from infra.telemetry.instruments import Distribution, counter, gauge, histogram


def _text(*families: object) -> list[str]:
    class Source(Collector):
        def collect(self) -> object:  # type: ignore[override]
            return families

    registry = CollectorRegistry()
    registry.register(Source())
    return generate_latest(registry).decode().splitlines()


def test_a_value_on_a_bound_belongs_to_that_bucket() -> None:
    spread = Distribution((1, 2.5))
    for value in (0, 1, 1.1, 2.5, 2.6, 100):
        spread.observe(value)
    assert spread.counts == [2, 2, 2]
    assert spread.total == 6
    assert _text(histogram("spread_seconds", "Told.", spread)) == [
        "# HELP spread_seconds Told.",
        "# TYPE spread_seconds histogram",
        'spread_seconds_bucket{le="1"} 2.0',
        'spread_seconds_bucket{le="2.5"} 4.0',
        'spread_seconds_bucket{le="+Inf"} 6.0',
        "spread_seconds_count 6.0",
        "spread_seconds_sum 107.2",
    ]


def test_two_distributions_make_one() -> None:
    one, other = Distribution((1,)), Distribution((1,))
    one.observe(0.5)
    other.observe(0.25)
    other.observe(3)
    one.add(other)
    assert (one.counts, one.sum) == ([2, 1], 3.75)


def test_counts_and_gauges_with_labels_and_without() -> None:
    assert _text(counter("calls_total", "Told.", {("a",): 3, ("b",): 0}, ("of",)), gauge("up", "Told.", True)) == [
        "# HELP calls_total Told.",
        "# TYPE calls_total counter",
        'calls_total{of="a"} 3.0',
        'calls_total{of="b"} 0.0',
        "# HELP up Told.",
        "# TYPE up gauge",
        "up 1.0",
    ]
