"""`channel-manager rebuild` beside the running service: events folded a second."""

import time
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.history import write_past
from tests.bench.processes import run
from tests.bench.spans import Spans
from tests.bench.table import Row, at_least, plain
from tests.bench.venue import running_venue


def measure(spans: Spans, folder: Path) -> list[Row]:
    """By the command's own clock, which does not count the start of its process; that is in the second row."""
    with running_venue(folder / "service", "api", "projector") as venue:
        write_past(venue, spans.rebuilt_orders)
        venue.wait_until_projected(120)
        began = time.monotonic()
        report = msgspec.json.decode(run("services", "rebuild", "--json", env=venue.env))
        whole_seconds = time.monotonic() - began
    events, seconds = events_and_seconds(report)
    return [
        at_least("projection rebuild", events / seconds, "events/s", 20_000),
        plain("projection rebuild, the whole command", whole_seconds, "s"),
        plain("projection rebuild, events in the log", events, "events"),
    ]


def events_and_seconds(report: Any) -> tuple[int, float]:
    """The sums over the projections of a rebuild's report."""
    projections = report if isinstance(report, list) else report.get("projections", [report])
    return sum(one["events"] for one in projections), sum(one["seconds"] for one in projections)
