"""A flood: far more orders than can be issued, offered whatever is answered; what came of it, and what it cost.

The api is a process of its own, the other roles are another, the generator a third; the database is the embedded one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from statistics import median

import msgspec
import psycopg

from tests.bench.load_result import LoadResult
from tests.bench.proc import resident_mib
from tests.e2e.client import Answer, Client
from tests.e2e.load import order_body
from tests.e2e.reading import lags
from tests.e2e.service import REPOSITORY, Service, wait_for

NORMAL_IN_A_ROW = 20
_CALIBRATING_CONNECTIONS = 32

# By the database's own clock, from the history: no sample can miss the longest.
_WAITS = """
select count(*), count(picked.recorded_at), count(settled.originator_id),
    extract(epoch from max(picked.recorded_at - submitted.recorded_at))::float8
from stored_events submitted
left join stored_events picked
    on picked.originator_id = submitted.originator_id and picked.topic = 'order.scheduled.v1'
left join stored_events settled
    on settled.originator_id = submitted.originator_id
    and settled.topic in ('order.issued.v1', 'order.drafted.v1', 'order.failed.v1')
where submitted.topic = 'order.submitted.v1'
"""


class Stored(msgspec.Struct, frozen=True):
    """What the log has of all orders. `longest_wait`: seconds from submitted to picked up."""

    submitted: int
    picked_up: int
    settled: int
    longest_wait: float


class Flooded(msgspec.Struct, frozen=True):
    """What a flood came to. `settles_per_second`: without a flood, measured before it; durations are in seconds.

    `accepted`: every 201 that anyone was given. `recovered_after`: from the end of the flood to the first of
    NORMAL_IN_A_ROW orders that were accepted as fast as before it. `settled_after`: until nothing was in flight.
    """

    settles_per_second: float
    load: LoadResult
    accepted: int
    stored: Stored
    api_memory_before_mib: float
    api_memory_peak_mib: float
    reads_ms: float
    normal_ms: float
    recovered_after: float
    settled_after: float


@dataclass
class _Prober:
    """One careful partner among all the others: asks, one after the other, and looks at every answer."""

    client: Client
    partner_id: str
    accepted: int = 0
    faults: list[str] = field(default_factory=list)
    last_order: str = ""

    def create(self) -> tuple[int, float]:
        """Status, and milliseconds."""
        reference = f"PROBE-{time.monotonic_ns()}"
        began = time.monotonic()
        answer = self.client.call("POST", "/channelManager", order_body(self.partner_id, reference, paid=True))
        took = (time.monotonic() - began) * 1000
        if answer.status == 201:
            self.accepted += 1
            self.last_order = str(answer.body["orderId"])
        elif fault := _fault_of_refusal(answer):
            self.faults.append(fault)
        return answer.status, took

    def read(self) -> float:
        """getOrder of the last order that was accepted: milliseconds."""
        began = time.monotonic()
        answer = self.client.call("GET", f"/channelManager/{self.last_order}")
        if answer.status != 200:
            self.faults.append(f"an order reads {answer}")
        return (time.monotonic() - began) * 1000


def _fault_of_refusal(answer: Answer) -> str | None:
    after = answer.headers.get("retry-after", "")
    if (answer.status, answer.code) != (503, "unavailable") or not (after.isdigit() and 1 <= int(after) <= 60):
        return f"refused by {answer}"
    if not answer.headers.get("x-correlation-id"):
        return f"without correlation id: {answer}"
    return None


def stored_orders(dsn: str) -> Stored:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_WAITS).fetchone()
    assert row is not None
    return Stored(*row)


def services(make: Callable[..., Service], max_backlog_seconds: float) -> tuple[Service, Service]:
    """The api alone, and all the other roles, both ready."""
    settings = {"OTA_CM_MAX_BACKLOG_SECONDS": f"{max_backlog_seconds:g}"}
    api = make("--port", "0", "--roles", "api", name="api", settings=settings).start()
    api.ready()
    others = make("--roles", "projector,issuer,webhooks", name="others", settings=settings).start()
    others.ready()
    return api, others


def flood(
    api: Service, *, seconds: float, times: float, connections: int, most: float = inf
) -> tuple[Flooded, list[str]]:
    """Offer `times` what settles here, `most` a second; what came of it, and what no answer should have been."""
    operator = api.client()
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Flood"})["partnerId"])
    key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "flood"})["key"])
    prober = _Prober(api.client(key), partner_id)
    as_partner = ("--port", str(api.port), "--key", key, "--partner", partner_id)

    calibration, settles_per_second = _calibrated(as_partner, operator, api)
    normal_ms = median(prober.create()[1] for _ in range(NORMAL_IN_A_ROW))
    _wait_until_settled(operator)
    memory_before = resident_mib(api.pid)

    offered = min(times * settles_per_second, most)
    flooding = generator(
        *as_partner,
        *("--rate", f"{offered:.0f}", "--seconds", f"{seconds:g}", "--warm-up", "0"),
        *("--connections", str(connections), "--greet"),
    )
    reads = []
    while flooding.poll() is None:
        prober.create()
        reads.append(prober.read())
        time.sleep(0.1)
    load = result_of(flooding)
    ended = load.last_answer_ns / 1e9
    recovered_after = _recovered(prober, ended, max(10 * normal_ms, 50.0))
    _wait_until_settled(operator)
    settled_after = time.monotonic() - ended
    memory_peak = resident_mib(api.pid, peak=True)

    result = Flooded(
        settles_per_second=settles_per_second,
        load=load,
        accepted=sum(one.all_status.get("201", 0) for one in (calibration, load)) + prober.accepted,
        stored=stored_orders(api.dsn),
        api_memory_before_mib=memory_before,
        api_memory_peak_mib=memory_peak,
        reads_ms=max(reads),
        normal_ms=normal_ms,
        recovered_after=recovered_after,
        settled_after=settled_after,
    )
    return result, prober.faults


def _calibrated(as_partner: tuple[str, ...], operator: Client, api: Service) -> tuple[LoadResult, float]:
    """What settles in a second: a few seconds of orders as fast as they are taken, until all have settled."""
    seconds = ("--seconds", "2", "--warm-up", "0")
    load = result_of(generator(*as_partner, *seconds, "--connections", str(_CALIBRATING_CONNECTIONS)))
    _wait_until_settled(operator)
    with psycopg.connect(api.dsn) as connection:
        row = connection.execute(
            "select count(*) / extract(epoch from max(recorded_at) - min(recorded_at))::float8 from stored_events"
            " where topic = 'order.issued.v1'"
        ).fetchone()
    assert row is not None
    return load, float(row[0])


def generator(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.load", "create", *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result_of(generator: subprocess.Popen[str]) -> LoadResult:
    said, complaints = generator.communicate()
    assert generator.returncode == 0, complaints[-4000:]
    return msgspec.json.decode(said, type=LoadResult)


def _recovered(prober: _Prober, ended: float, normal_ms: float) -> float:
    """Seconds from the end of the flood to the first of so many normal answers in a row."""
    row: list[float] = []
    until = time.monotonic() + 60
    while len(row) < NORMAL_IN_A_ROW:
        assert time.monotonic() < until, f"not normal again within 60 s: {prober}"
        asked = time.monotonic()
        status, took = prober.create()
        row = [*row, asked] if status == 201 and took <= normal_ms else []
        time.sleep(0.02)
    return row[0] - ended


def _wait_until_settled(operator: Client) -> None:
    wait_for("settled", lambda: not lags(operator), 90, detail=lambda: lags(operator))
