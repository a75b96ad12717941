"""One round: the service as several processes over one database, under load, hit at random; then all is checked."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from infra.kafka.settings import KafkaSettings
from tests.brokers import Broker
from tests.chaos.answers import faults_of_calls
from tests.chaos.crowd import CLIENT_SECONDS, Crowd
from tests.chaos.deployment import Deployment, deployment
from tests.chaos.fitting import faults_of_order
from tests.chaos.heard import Heard, listening
from tests.chaos.history import History, by_reference
from tests.chaos.jobs import faults_of_jobs, jobs_by_issuer
from tests.chaos.looking import Looking
from tests.chaos.moments import Moments
from tests.chaos.offsets import OffsetsWatch
from tests.chaos.places import PlacesWatch, make_it_narrow
from tests.chaos.storm import Hit, Shape, Storm, plan
from tests.chaos.watch import Watch
from tests.e2e.client import Client, NoAnswer
from tests.e2e.endpoint import Delivery, Endpoint, running_endpoint
from tests.e2e.reading import faults_of_reads
from tests.e2e.replay import faults_of_places_and_numbers, faults_of_read_model
from tests.e2e.service import REPOSITORY, Service
from tests.e2e.topic import faults_of_topic, repeats
from tests.e2e.truth import SETTLED, Database, faults_of_log, faults_of_webhooks, read_database
from tests.e2e.venue import Venue

LONG: Final = Shape(40.0, gaps=(0.5, 2.5), stops=(5.0, 15.0), doubles=("issuer", "webhooks", "projector"))
SHORT: Final = Shape(6.0, gaps=(0.6, 1.6), stops=(1.5, 2.5))
"""What fits into 40 s on a busy machine."""

KEPT: Final = REPOSITORY / "build" / "chaos"

_SHOWN_FAULTS: Final = 5
_GOES_ON_SECONDS: Final = 30.0
_SETTLED_SECONDS: Final = 40.0
_HEARD_SECONDS: Final = 20.0

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


def run_round(seed: int, shape: Shape, broker: Broker | None = None, *, keep: bool = True) -> Report:
    """Runs a round in a folder of its own, with Kafka where a broker that runs is given.

    With faults, and `keep`, the folder is kept in build/chaos.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)
    history = History()
    try:
        deployed = deployment(seed, shape, folder, broker)
        report = Report(seed, [target.name for target in deployed.targets])
        with deployed.running():
            try:
                _run(report, shape, folder, deployed, history)
            except Exception:
                report.faults["it could not be ended"] = [traceback.format_exc()]
        if report.faults and keep:
            history.save(folder / "history.jsonl")
            report.kept = _keep(folder, report)
        return report
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(report: Report, shape: Shape, folder: Path, deployed: Deployment, history: History) -> None:
    first = deployed.first
    with _timed(report, "started in"):
        deployed.wait_until_ready()
    with running_endpoint(folder, **_RECEIVER) as endpoint, ExitStack() as stack:
        venue = Venue(first, endpoint)
        make_it_narrow(venue.operator)
        apis = {one.name: _connects(one.service, venue.key) for one in deployed.apis}
        crowd = Crowd(report.seed, venue.partner_id, apis, history)
        heard = stack.enter_context(listening(folder, deployed.kafka)) if deployed.kafka is not None else None
        with _watched(first.dsn, endpoint, deployed.kafka, heard) as watches:
            crowd.start()
            try:
                _storm(report, plan(report.seed, shape, deployed.targets), deployed, history)
            finally:
                crowd.stop()
            with _timed(report, "settled and told in"):
                deployed.wait_until_ready()
                _wait_until_done(report, venue)
        with _timed(report, "checked in"):
            crowd.read_all()
            _check(report, venue, history, watches, heard)


def _storm(report: Report, hits: list[Hit], deployed: Deployment, history: History) -> None:
    targets = {target.name: target for target in deployed.targets}
    storm = Storm(hits, targets, Moments(deployed.first.dsn, history), history, report.seed)
    try:
        with _timed(report, "hit for"):
            storm.run()
    finally:
        report.hits = storm.log
    with _timed(report, "back in"):
        if not history.wait_for_accepted(20, _GOES_ON_SECONDS):
            report.faults["stuck"] = [f"commands are not taken {_GOES_ON_SECONDS:g} s after the last hit"]


def _check(report: Report, venue: Venue, history: History, watches: list[Looking], heard: Heard | None) -> None:
    database = read_database(venue.dsn)
    arrived = venue.endpoint.deliveries(venue.secret)
    report.counts = _counts(history, database, arrived, watches)
    checks: dict[str, Iterable[str]] = {
        "answers that break the contract by themselves": history.surprises,
        "noted as done before it was, or sold twice": [fault for watch in watches for fault in watch.faults],
        "the log": faults_of_log(database),
        "jobs": faults_of_jobs(database),
        "answers against the log": faults_of_calls(history.calls, database),
        "calls that fit no order of them": faults_of_order(history.calls),
        "webhooks": faults_of_webhooks(arrived, database),
        "reads": faults_of_reads(venue.partner(), venue.operator, venue.partner_id, database),
        "read model against a replay": faults_of_read_model(venue.dsn),
        "places and numbers against a replay": faults_of_places_and_numbers(venue.dsn),
    }
    if heard is not None:
        records = heard.all_of(database, _HEARD_SECONDS)
        checks["topic against the log"] = faults_of_topic(records, database)
        report.counts |= {"messages": len(records), "messages again": len(repeats(records))}
        report.counts |= {f"jobs by {name}": count for name, count in jobs_by_issuer(database).items()}
    report.faults |= {check: found for check, faults in checks.items() if (found := list(faults))}


@contextmanager
def _watched(dsn: str, endpoint: Endpoint, kafka: KafkaSettings | None, heard: Heard | None) -> Iterator[list[Looking]]:
    asks = Endpoint(endpoint.port)  # a connection of its own: it is asked from another thread
    consumers = ("issuer", "orders", "webhooks") if kafka is None else ("orders", "webhooks")
    watches: list[Looking] = [Watch(dsn, lambda: set(asks.arrived_ids()), consumers), PlacesWatch(dsn)]
    if kafka is not None and heard is not None:
        watches.append(OffsetsWatch(dsn, kafka, heard))
    for watch in watches:
        watch.start()
    try:
        yield watches
    finally:
        for watch in watches:
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


def _counts(history: History, database: Database, arrived: list[Delivery], watches: list[Looking]) -> dict[str, int]:
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
        "sold out": sum(event.data.get("reason") == "sold_out" for event in settled),
        "taken up again": sum(event.topic == "order.issuance_resumed.v1" for event in database.events),
        "webhooks": len({one.webhook_id for one in arrived}),
        "repeats": len(arrived) - len({one.webhook_id for one in arrived}),
        "calls of the busiest reference": max(map(len, by_reference(history.calls).values()), default=0),
        **{watch.counted: watch.looks for watch in watches},
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
