"""`python -m tests.chaos.flood`: a minute of ten times what settles on this machine, held to the contract's figures.

Open loop: what is due is sent whatever is answered, over so many connections that they are not the limit. A latency
begins when the generator comes to the request; how late it came to it (its lag) is told apart, for that is its own
doing, and so is what it could not send at all because every connection waited for the service.
"""

from __future__ import annotations

import argparse
import sys
from math import inf

from tests.bench.machine import this_machine
from tests.bench.table import Row, at_most, plain, print_rows
from tests.e2e.flood import Flooded, flood, services
from tests.e2e.stage import making_services, short_folder

BACKLOG_SECONDS = 5.0
P99_MS = 250.0
MEMORY_MIB = 250.0
RECOVERY_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Exit status 1 where a bound is not held, or an answer was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.flood", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=10.0, help="of what settles here")
    parser.add_argument("--most", type=float, default=inf, help="a second, where less is wanted")
    parser.add_argument("--connections", type=int, default=4000)
    options = parser.parse_args(arguments)
    with short_folder("flood-") as folder, making_services(folder) as make:
        api, _ = services(make, BACKLOG_SECONDS)
        flooded, faults = flood(
            api, seconds=options.seconds, times=options.times, connections=options.connections, most=options.most
        )
    faults += _faults(flooded)
    rows = _rows(flooded)
    print_rows(rows, this_machine())
    print("\n".join(faults[:20]) or "every answer as it should be, every accepted order settled, none beside them")
    return 1 if faults or any(row.ok is False for row in rows) else 0


def _faults(flooded: Flooded) -> list[str]:
    load, accepted, stored = flooded.load, flooded.accepted, flooded.stored
    counts = {
        "connections lost": load.lost,
        "requests without an answer": load.unanswered,
        "answers 503 without Retry-After": load.without_retry_after,
        "answers other than 201 and 503": sum(load.all_status.values())
        - sum(load.all_status.get(status, 0) for status in ("201", "503")),
        "orders accepted and not stored, or stored and not accepted": abs(accepted - stored.submitted),
        "orders accepted and not settled once": abs(accepted - stored.settled),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _rows(flooded: Flooded) -> list[Row]:
    load = flooded.load
    return [
        plain("settles without a flood", flooded.settles_per_second, "orders/s"),
        plain("offered", load.asked_per_second or 0.0, "orders/s"),
        plain("arrived", load.sent / load.seconds, "orders/s"),
        at_most("not sent: every connection waited", 100 * load.unsent / load.due, "%", 0.1),
        plain("the generator's lag, p99", load.lag_p99_ms, "ms"),
        plain("the generator's CPU", load.cpu_share, "of a core"),
        plain("taken (201)", load.all_status.get("201", 0) / load.seconds, "orders/s"),
        plain("refused (503)", load.all_status.get("503", 0) / load.seconds, "orders/s"),
        at_most("latency of all answers, p99", load.p99_ms, "ms", P99_MS),
        *(
            plain(f"latency of {status}, {name}", value, "ms")
            for status, latencies in load.by_status.items()
            for name, value in (("p50", latencies.p50_ms), ("p99", latencies.p99_ms), ("longest", latencies.max_ms))
        ),
        plain("getOrder meanwhile, longest", flooded.reads_ms, "ms"),
        at_most("longest wait for pick-up", flooded.stored.longest_wait, "s", BACKLOG_SECONDS),
        plain("memory of the api before", flooded.api_memory_before_mib, "MiB"),
        at_most("memory of the api, peak", flooded.api_memory_peak_mib, "MiB", MEMORY_MIB),
        plain("createOrder before, p50", flooded.normal_ms, "ms"),
        at_most("back to normal after", flooded.recovered_after, "s", RECOVERY_SECONDS),
        plain("all settled after", flooded.settled_after, "s"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
