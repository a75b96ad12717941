"""`python -m tests.bench`: measures the service, prints the table and writes build/bench.json."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.bench.machine import this_machine
from tests.bench.processes import REPOSITORY
from tests.bench.rows import create_order, get_order, malformed, rebuild, settle, webhook
from tests.bench.stages import QUICK, ApiAlone, Spans, WholeService, api_alone, whole_service
from tests.bench.table import Row, print_rows, write_json

ON_API_ALONE: dict[str, Callable[[ApiAlone], list[Row]]] = {
    "malformed": malformed.measure,  # first, while the database is small: they do not depend on it
    "create_order": create_order.measure,
}
ON_WHOLE_SERVICE: dict[str, Callable[[WholeService], list[Row]]] = {
    "webhook": webhook.measure,  # before a load has given the database something to clean up
    "settle": settle.measure,
    "get_order": get_order.measure,
    "rebuild": rebuild.measure,
}


def main(arguments: list[str]) -> int:
    """Exit status 1 with `--check` where a target is missed, else 0; a measurement that cannot be made raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").strip())
    names = [*ON_API_ALONE, *ON_WHOLE_SERVICE]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--quick", action="store_true", help="one short run of each: shows that it works, proves nothing"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "bench.json")
    options = parser.parse_args(arguments)
    wanted = options.only or names
    spans = QUICK if options.quick else Spans()
    progress = Console(stderr=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        if any(name in ON_API_ALONE for name in wanted):
            with api_alone(spans, folder / "api-alone") as alone:
                for name, measure_alone in ON_API_ALONE.items():
                    if name in wanted:
                        progress.print(f"measuring {name} …")
                        rows += measure_alone(alone)
        if any(name in ON_WHOLE_SERVICE for name in wanted):
            with whole_service(spans, folder / "whole-service") as whole:
                for name, measure_whole in ON_WHOLE_SERVICE.items():
                    if name in wanted:
                        progress.print(f"measuring {name} …")
                        rows += measure_whole(whole)
    machine = this_machine()
    print_rows(rows, machine)
    write_json(rows, machine, options.out)
    missed = [row.name for row in rows if row.ok is False]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
