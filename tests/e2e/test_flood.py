"""A flood of fifteen seconds: nothing taken is lost, nothing refused leaves a trace, and the service holds its bounds.

The bounds are the contract's, and generous, for a machine that has other things to do; `python -m tests.chaos.flood`
holds the service to the figures themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.flood import flood, services
from tests.e2e.service import Service

BACKLOG_SECONDS = 5.0
TIMES = 4.0  # what settles here while other tests run beside
MEMORY_MIB = 250.0

# Twice the limit: how fast orders are picked up is measured, and what others do on this machine may halve it meanwhile.
LONGEST_WAIT_SECONDS = 2 * BACKLOG_SECONDS

# The deadline of a command: nobody is ever answered later, and in a flood that holds from when a request was due.
ANSWER_MS = 5000.0

RECOVERY_SECONDS = 10.0


def test_what_is_taken_in_a_flood_is_issued_and_the_rest_is_refused(service: Callable[..., Service]) -> None:
    api, _ = services(service, BACKLOG_SECONDS)
    flooded, faults = flood(api, seconds=15, times=TIMES, connections=1000)
    print(flooded)
    load, stored = flooded.load, flooded.stored
    assert not faults
    assert (load.lost, load.unanswered, load.without_retry_after) == (0, 0, 0)
    assert set(load.all_status) == {"201", "503"}
    assert load.all_status["503"] > load.all_status["201"] > 0
    assert (stored.submitted, stored.picked_up, stored.settled) == (flooded.accepted,) * 3
    assert stored.longest_wait <= LONGEST_WAIT_SECONDS
    assert flooded.api_memory_peak_mib <= MEMORY_MIB
    assert load.p99_ms <= ANSWER_MS
    assert flooded.recovered_after <= RECOVERY_SECONDS
