"""`channel-manager rebuild` beside the running service: events folded a second."""

import os
import subprocess
import sys
import time
from typing import Any

import msgspec

from tests.bench.processes import REPOSITORY, ProcessFailed
from tests.bench.stages import WholeService
from tests.bench.table import Row, at_least, plain


def measure(stage: WholeService) -> list[Row]:
    """By the command's own clock, which does not count the start of its process; that is in the second row."""
    assert stage.settled.orders
    command = [sys.executable, "-m", "services", "rebuild", "--json"]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **stage.venue.env}, capture_output=True, text=True, check=False
    )
    whole_seconds = time.monotonic() - began
    if done.returncode != 0:
        raise ProcessFailed(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    events, seconds = events_and_seconds(msgspec.json.decode(done.stdout.strip().splitlines()[-1]))
    return [
        at_least("projection rebuild", events / seconds, "events/s", 20_000),
        plain("projection rebuild, the whole command", whole_seconds, "s"),
        plain("projection rebuild, events in the log", events, "events"),
    ]


def events_and_seconds(report: Any) -> tuple[int, float]:
    """The sums over the projections of a rebuild's report."""
    projections = report if isinstance(report, list) else report.get("projections", [report])
    return sum(one["events"] for one in projections), sum(one["seconds"] for one in projections)
