"""`python -m tests.bench`: measures the service, prints the table and writes build/bench.json."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.bench.machine import this_machine
from tests.bench.processes import REPOSITORY, ProcessFailed
from tests.bench.rows import create, get, hot_slot, kafka, malformed, many, rebuild, roles, settled, start, webhook
from tests.bench.spans import QUICK, Spans
from tests.bench.table import Row, print_rows, write_json

Measure = Callable[[Spans, Path], list[Row]]

# Each begins with fresh processes and an empty database; what leaves the most to be written back comes last.
MEASUREMENTS: dict[str, Measure] = {
    "start": start.measure,
    "malformed": malformed.measure,
    "webhook": webhook.measure,
    "get": get.measure,
    "create": create.measure,
    "settled": settled.measure,
    "roles": roles.measure,
    "kafka": kafka.measure,
    "hot_slot": hot_slot.measure,
    "rebuild": rebuild.measure,
    "many": many.measure,
}


def main(arguments: list[str]) -> int:
    """Exit status 1 where a measurement could not be made, and with `--check` where a target is missed; else 0.

    One that cannot be made is told, and keeps nobody from the others.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").strip())
    names = ", ".join(MEASUREMENTS)
    parser.add_argument("--rows", type=_chosen, default=list(MEASUREMENTS), help=f"some of {names}, comma-separated")
    parser.add_argument(
        "--quick", action="store_true", help="one short run of each: shows that it works, proves nothing"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "bench.json")
    options = parser.parse_args(arguments)
    spans = QUICK if options.quick else Spans()
    progress = Console(stderr=True)
    rows: list[Row] = []
    failures: list[str] = []
    for name in options.rows:
        progress.print(f"measuring {name} …")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", ignore_cleanup_errors=True) as folder:
            try:
                rows += MEASUREMENTS[name](spans, Path(folder))
            except ProcessFailed as failure:
                failures.append(f"{name} could not be measured: {failure}")
        progress.print(f"measuring {name} … {time.monotonic() - began:.0f} s")
    machine = this_machine()
    print_rows(rows, machine)
    write_json(rows, machine, options.out)
    for told in failures:
        progress.print(told, markup=False, style="red")
    missed = any(row.ok is False for row in rows)
    return 1 if failures or (options.check and missed) else 0


def _chosen(text: str) -> list[str]:
    wanted = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(wanted) - set(MEASUREMENTS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(MEASUREMENTS)}")
    return [name for name in MEASUREMENTS if name in wanted]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
