"""One round: the service as several processes over one database, under load, hit at random; then all is checked."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.answers import faults_of_calls
from tests.chaos.crowd import CLIENT_SECONDS, Crowd
from tests.chaos.fitting import faults_of_order
from tests.chaos.history import History, by_reference
from tests.chaos.moments import Moments
from tests.chaos.storm import Hit, Shape, Storm, plan
from tests.chaos.targets import PostgresTarget, ServiceTarget, Target
from tests.chaos.watch import Watch
from tests.e2e.client import Client, NoAnswer
from tests.e2e.endpoint import Delivery, Endpoint, running_endpoint
from tests.e2e.reading import faults_of_reads
from tests.e2e.replay import faults_of_read_model
from tests.e2e.service import REPOSITORY, Service
from tests.e2e.truth import SETTLED, Database, faults_of_log, faults_of_webhooks, read_database
from tests.e2e.venue import Venue

LONG: Final = Shape(40.0, gaps=(0.5, 2.5), stops=(5.0, 15.0), doubles=("issuer", "webhooks", "projector"))
SHORT: Final = Shape(6.0, gaps=(0.6, 1.6), stops=(1.5, 2.5))
"""What fits into 40 s on a busy machine."""

KEPT: Final = REPOSITORY / "build" / "chaos"

_SHOWN_FAULTS: Final = 5
_READY_SECONDS: Final = 60.0
_GOES_ON_SECONDS: Final = 30.0
_SETTLED_SECONDS: Final = 40.0

# By role: how often it is hit, beside the others; what gives it work, and about how many seconds it works on that (the
# projector gathers first).
_ROLES: Final[dict[str, tuple[int, str, float]]] = {
    "api": (2, "answer", 0.02),
    "issuer": (4, "submitted", 0.01),
    "projector": (4, "submitted", 0.06),
    "webhooks": (4, "settled", 0.01),
}
_POSTGRES_WEIGHT: Final = 7

# So that a death between sending and marking, and one before an answer, are no rarity.
_RECEIVER: Final = {"refuse_every": 25, "delay_ms": 40}


@dataclass
class Report:
    """What a round did, and the faults that were found, by the check that found them."""

    seed: int
    processes: list[str]
    hits: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    kept: Path | None = None

    def lines(self) -> Iterator[str]:
        yield f"seed {self.seed}: {', '.join(self.processes)}"
        yield from (f"  {hit}" for hit in self.hits)
        yield "  " + ", ".join(f"{count} {name}" for name, count in self.counts.items())
        yield "  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        for check, found in self.faults.items():
            yield f"  {len(found)} FAULTS, {check}:"
            yield from (f"    {fault}" for fault in found[:_SHOWN_FAULTS])
        if self.kept is not None:
            yield f"  kept: {self.kept}"


def run_round(seed: int, shape: Shape, *, keep: bool = True) -> Report:
    """Runs a round in a folder of its own. With faults, and `keep`, the folder is kept in build/chaos."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)
    history = History()
    try:
        services, postgres = deployment(seed, shape, folder)
        report = Report(seed, [*(one.name for one in services), postgres.name])
        with _running(services):
            try:
                _run(report, shape, folder, services, postgres, history)
            except Exception:
                report.faults["it could not be ended"] = [traceback.format_exc()]
        if report.faults and keep:
            history.save(folder / "history.jsonl")
            report.kept = _keep(folder, report)
        return report
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def deployment(seed: int, shape: Shape, folder: Path) -> tuple[list[ServiceTarget], PostgresTarget]:
    """What a round runs and hits, not started: a process a role, the api twice, and some roles with one to stand by."""
    chance = random.Random(f"deployment {seed}")
    names = ["api-1", "api-2", "projector-1", "issuer-1", "webhooks-1"]
    names += [f"{role}-2" for role in shape.doubles if chance.random() < 0.4]
    services = []
    for name in names:
        role = name.partition("-")[0]
        arguments = ("--roles", role, *(("--port", "0") if role == "api" else ()))
        service = Service(folder, *arguments, name=name, settings={"OTA_CM_INSTANCE": name})
        services.append(ServiceTarget(name, service, *_ROLES[role]))
    first = services[0].service
    return services, PostgresTarget(first.data, first.dsn, _POSTGRES_WEIGHT)


@contextmanager
def _running(services: list[ServiceTarget]) -> Iterator[None]:
    """Under their supervisors; none of them outlives the round."""
    try:
        for one in services:
            one.start()
        yield
    finally:
        for one in services:
            one.leave()
        for one in services:
            one.service.clean_up()


def _run(
    report: Report,
    shape: Shape,
    folder: Path,
    services: list[ServiceTarget],
    postgres: PostgresTarget,
    history: History,
) -> None:
    first = services[0].service
    with _timed(report, "started in"):
        _wait_until_ready(services)
    targets: list[Target] = [*services, postgres]
    with running_endpoint(folder, **_RECEIVER) as endpoint:
        venue = Venue(first, endpoint)
        apis = {one.name: _connects(one.service, venue.key) for one in services if one.name.startswith("api")}
        crowd = Crowd(report.seed, venue.partner_id, apis, history)
        with _watched(first.dsn, endpoint) as watch:
            crowd.start()
            try:
                _storm(report, plan(report.seed, shape, targets), targets, Moments(first.dsn, history), history)
            finally:
                crowd.stop()
            with _timed(report, "settled and told in"):
                _wait_until_ready(services)
                _wait_until_done(report, venue)
        with _timed(report, "checked in"):
            crowd.read_all()
            _check(report, venue, history, watch)


def _storm(report: Report, hits: list[Hit], targets: list[Target], moments: Moments, history: History) -> None:
    storm = Storm(hits, {target.name: target for target in targets}, moments, history, report.seed)
    try:
        with _timed(report, "hit for"):
            storm.run()
    finally:
        report.hits = storm.log
    with _timed(report, "back in"):
        if not history.wait_for_accepted(20, _GOES_ON_SECONDS):
            report.faults["stuck"] = [f"commands are not taken {_GOES_ON_SECONDS:g} s after the last hit"]


def _check(report: Report, venue: Venue, history: History, watch: Watch) -> None:
    database = read_database(venue.dsn)
    arrived = venue.endpoint.deliveries(venue.secret)
    report.counts = _counts(history, database, arrived, watch)
    checks: dict[str, Iterable[str]] = {
        "answers that break the contract by themselves": history.surprises,
        "noted as done before it was": watch.faults,
        "the log": faults_of_log(database),
        "answers against the log": faults_of_calls(history.calls, database),
        "calls that fit no order of them": faults_of_order(history.calls),
        "webhooks": faults_of_webhooks(arrived, database),
        "reads": faults_of_reads(venue.partner(), venue.operator, venue.partner_id, database),
        "read model against a replay": faults_of_read_model(venue.dsn),
    }
    report.faults |= {check: found for check, faults in checks.items() if (found := list(faults))}


@contextmanager
def _watched(dsn: str, endpoint: Endpoint) -> Iterator[Watch]:
    asks = Endpoint(endpoint.port)  # a connection of its own: it is asked from another thread
    watch = Watch(dsn, lambda: set(asks.arrived_ids()))
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
        asks.close()


def _connects(service: Service, key: str) -> Callable[[], Client]:
    return lambda: Client(lambda: service.port, key, seconds=CLIENT_SECONDS)


@contextmanager
def _timed(report: Report, what: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        report.seconds[what] = time.monotonic() - began


def _wait_until_ready(services: Iterable[ServiceTarget]) -> None:
    for one in services:
        one.wait_until_ready(_READY_SECONDS)


def _wait_until_done(report: Report, venue: Venue) -> None:
    """Orders settled, webhooks delivered, consumers at the head of the log."""
    until = time.monotonic() + _SETTLED_SECONDS
    while undone := _undone(venue):
        if time.monotonic() > until:
            report.faults["not settled or not told"] = undone
            return
        time.sleep(0.1)


def _undone(venue: Venue) -> list[str]:
    try:
        return venue.undone()
    except (NoAnswer, AssertionError, psycopg.Error) as away:
        return [repr(away)]


def _counts(history: History, database: Database, arrived: list[Delivery], watch: Watch) -> dict[str, int]:
    commands = Counter(call.outcome for call in history.calls if call.operation != "get")
    settled = [event for event in database.events if event.topic in SETTLED]
    return {
        "orders": len(database.orders()),
        "accepted": commands["accepted"],
        "refused": commands["refused"],
        "unknown": commands["unknown"],
        "not taken": commands["nothing"],
        "reads": sum(call.operation == "get" for call in history.calls),
        "settled": len(settled),
        "taken up again": sum(event.topic == "order.issuance_resumed.v1" for event in database.events),
        "webhooks": len({one.webhook_id for one in arrived}),
        "repeats": len(arrived) - len({one.webhook_id for one in arrived}),
        "calls of the busiest reference": max(map(len, by_reference(history.calls).values()), default=0),
        "looks at what is noted as done": watch.looks,
    }


def _keep(folder: Path, report: Report) -> Path:
    """The data folder, the logs and the history, with their owners: `OTA_CM_DATA_DIR=<there>/data` serves it again."""
    kept = KEPT / f"seed-{report.seed}"
    shutil.rmtree(kept, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(folder), str(kept)], check=False)
    everything = [*report.lines(), "", *(fault for found in report.faults.values() for fault in found)]
    kept.joinpath("report.txt").write_text("\n".join(everything) + "\n")
    return kept
