"""Kafka away under a steady load: what the service does without it, and how it catches up once it is back.

Each role is a process of its own over the embedded database; the generator, the webhook receiver and the checker are
processes that nothing touches. The broker is killed, and started again on the same folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psycopg

from infra.kafka.settings import KafkaSettings
from tests.bench.announced import Receiver
from tests.bench.load_result import LoadResult
from tests.bench.processes import Server
from tests.brokers import Broker
from tests.chaos.jobs import faults_of_jobs
from tests.e2e.client import Client, NoAnswer
from tests.e2e.flood import generator, result_of
from tests.e2e.load import order_body
from tests.e2e.reading import lags
from tests.e2e.service import Service, wait_for
from tests.e2e.topic import faults_of_topic, kafka_environment, records, repeats
from tests.e2e.truth import faults_of_log, read_database

ROLES = ("api", "relay", "projector", "issuer", "webhooks")
LOOK_SECONDS = 0.1
_CONNECTIONS = 64

_STANDS = """
select (select coalesce(max(notification_id), 0) from stored_events),
    coalesce((select position from consumer_positions where name = 'relay'), 0),
    (select count(*) from stored_events where topic = 'order.submitted.v1'),
    (select count(*) from stored_events where topic in ('order.issued.v1', 'order.drafted.v1', 'order.failed.v1'))
"""


class Away(msgspec.Struct, frozen=True):
    """What came of it. `…_meanwhile`: while the broker was away. `depth`: of the log before the relay at its return.

    `waiting`: orders in flight then; `most_waiting`: at any time. `first_settled_after`: seconds without the broker
    until the first order settled; from then on so many did `settled_per_second`. `relayed_after`, `settled_after`:
    seconds from the broker's return until the relay stood at the end of the log, and until nothing was in flight.
    """

    offered_per_second: float
    away_seconds: float
    load: LoadResult
    accepted_meanwhile: int
    accepted_per_second: float
    settled_meanwhile: int
    announced_meanwhile: int
    reads_meanwhile: int
    longest_read_ms: float
    first_settled_after: float
    settled_per_second: float
    depth: int
    waiting: int
    most_waiting: int
    relayed_after: float
    settled_after: float
    messages: int
    messages_again: int


@dataclass(frozen=True, slots=True)
class _Stand:
    at: float
    head: int
    relayed: int
    submitted: int
    settled: int
    announced: int


@dataclass
class _Looker:
    """Looks at the log and the receiver, and reads an order as its partner does, one look after the other."""

    dsn: str
    receiver: Receiver
    partner: Client
    order_id: str
    stands: list[_Stand] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self) -> _Stand:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(_STANDS).fetchone()
        assert row is not None
        head, relayed, submitted, settled = row
        self.stands.append(_Stand(time.monotonic(), head, relayed, submitted, settled, self.receiver.orders()))
        began = time.monotonic()
        try:
            answer = self.partner.call("GET", f"/channelManager/{self.order_id}")
            if answer.status != 200:
                self.faults.append(f"an order reads {answer}")
        except NoAnswer as lost:
            self.faults.append(f"an order does not read: {lost!r}")
        self.reads.append((time.monotonic() - began) * 1000)
        time.sleep(LOOK_SECONDS)
        return self.stands[-1]

    def look_until(self, moment: float) -> None:
        while time.monotonic() < moment:
            self.look()


def away(
    make: Callable[..., Service],
    folder: Path,
    broker: Broker,
    kafka: KafkaSettings,
    *,
    seconds: float,
    rate: float,
    before: float = 5.0,
    after: float = 5.0,
) -> tuple[Away, list[str]]:
    """Offer `rate` orders a second `before` it goes, for `seconds` without it, and `after` its return; then settle.

    And every fault of what was answered, stored, announced and published.
    """
    api, *_ = [_process(make, role, kafka) for role in ROLES]
    operator = api.client()
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Away"})["partnerId"])
    key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "away"})["key"])
    partner = api.client(key)
    with Server("tests.bench.receiver", log=folder / "receiver.log") as server:
        hook = {"notificationUrl": f"http://127.0.0.1:{server.port}/", "eventName": "ota_cm_order_processed"}
        partner.got("POST", "/webhook", hook)
        first = str(partner.got("POST", "/channelManager", order_body(partner_id, "FIRST", paid=True))["orderId"])
        _wait_until_settled(operator)
        looker = _Looker(api.dsn, Receiver(server), partner, first)
        length = before + seconds + after + 10.0  # the broker takes some time to come back
        load = generator(
            *("--port", str(api.port), "--key", key, "--partner", partner_id, "--connections", str(_CONNECTIONS)),
            *("--rate", f"{rate:g}", "--seconds", f"{length:g}", "--warm-up", "0"),
        )
        looker.look_until(time.monotonic() + before)
        gone = looker.look()
        broker.kill()
        looker.look_until(gone.at + seconds)
        back = looker.look()
        reads = looker.reads[len(looker.stands) - sum(stand.at > gone.at for stand in looker.stands) :]
        broker.start()
        returned = time.monotonic()
        relayed_after = _relayed_after(looker, returned)
        while load.poll() is None:
            looker.look()
        loaded = result_of(load)
        _wait_until_settled(operator)
        settled_after = time.monotonic() - returned
        faults = looker.faults + _faults(api.dsn, looker.receiver, loaded, kafka)
    found = records(kafka)
    meanwhile = [stand for stand in looker.stands if gone.at <= stand.at <= back.at]
    began = next((stand for stand in meanwhile if stand.settled > gone.settled + rate), back)
    taken = back.at - began.at
    return Away(
        offered_per_second=rate,
        away_seconds=returned - gone.at,
        load=loaded,
        accepted_meanwhile=back.submitted - gone.submitted,
        accepted_per_second=(back.submitted - gone.submitted) / (back.at - gone.at),
        settled_meanwhile=back.settled - gone.settled,
        announced_meanwhile=back.announced - gone.announced,
        reads_meanwhile=len(reads),
        longest_read_ms=max(reads),
        first_settled_after=began.at - gone.at,
        settled_per_second=(back.settled - began.settled) / taken if taken > 0 else 0.0,
        depth=back.head - back.relayed,
        waiting=back.submitted - back.settled,
        most_waiting=max(stand.submitted - stand.settled for stand in looker.stands),
        relayed_after=relayed_after,
        settled_after=settled_after,
        messages=len(found),
        messages_again=len(repeats(found)),
    ), faults


def _process(make: Callable[..., Service], role: str, kafka: KafkaSettings) -> Service:
    arguments = ("--roles", role, *(("--port", "0") if role == "api" else ()))
    settings = {"OTA_CM_INSTANCE": role, **kafka_environment(kafka)}
    one = make(*arguments, name=role, settings=settings).start()
    one.ready(60)
    return one


def _relayed_after(looker: _Looker, returned: float) -> float:
    """Seconds until the relay has met the end of the log, which goes on growing: what was there at a look before."""
    until = returned + 120
    head = looker.look().head
    while True:
        stand = looker.look()
        if stand.relayed >= head:
            return stand.at - returned
        assert stand.at < until, f"the relay does not catch up: {stand}"
        head = stand.head


def _faults(dsn: str, receiver: Receiver, load: LoadResult, kafka: KafkaSettings) -> list[str]:
    database = read_database(dsn)
    accepted = load.all_status.get("201", 0) + 1
    wait_for("announced", lambda: receiver.orders() >= accepted, 30, detail=receiver.orders)
    counts = {
        "answers other than 201": sum(load.all_status.values()) - load.all_status.get("201", 0),
        "connections lost": load.lost,
        "requests without an answer": load.unanswered,
        "orders stored beside those accepted, or accepted and not stored": abs(len(database.orders()) - accepted),
        "orders announced beside those accepted": abs(receiver.orders() - accepted),
    }
    return [
        *(f"{count} {what}" for what, count in counts.items() if count),
        *faults_of_log(database),
        *faults_of_jobs(database),
        *faults_of_topic(records(kafka), database),
    ]


def _wait_until_settled(operator: Client) -> None:
    wait_for("settled", lambda: not lags(operator), 120, detail=lambda: lags(operator))
