"""A partner's shop beside a service that dies at a crash point: what it asked and was told, and whether all is whole.

Its receiver of webhooks and its checks are no part of what dies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, LiteralString

import psycopg

from infra.crash_points import CrashPoint
from tests.e2e.client import Answer, Client, NoAnswer
from tests.e2e.crash_points.partner import Partner
from tests.e2e.endpoint import Delivery, Endpoint
from tests.e2e.load import Asked, Operation, Outcome, order_body
from tests.e2e.reading import faults_of_reads, lags
from tests.e2e.replay import faults_of_places_and_numbers, faults_of_read_model
from tests.e2e.service import Service, wait_for
from tests.e2e.truth import Database, faults_of_answers, faults_of_log, faults_of_webhooks, read_database

# A dead issuer's own lease lasts five seconds, that of an order ten, and a job to be destroyed is asked again after
# eight; the machine may be busy with other tests.
WHOLE_SECONDS = 60.0
LOOK_SECONDS = 0.2
CUSTOMERS = 3

MakeService = Callable[..., Service]


class Shop:
    """`make`: services, on the database that `settings` name, or an embedded one. `endpoint`: the partner's."""

    def __init__(self, make: MakeService, endpoint: Endpoint, settings: Mapping[str, str], dsn: str | None) -> None:
        self.endpoint = endpoint
        self.asked: list[Asked] = []
        self._make = make
        self._settings = settings
        self._dsn = dsn
        self._partner: Partner | None = None
        self._starts = 0
        self._commands = 0
        self._lock = threading.Lock()
        self._arrived_before = 0
        self._api: Service | None = None
        self._operator: Client | None = None

    # The service.

    def make(
        self,
        *arguments: str,
        command: str = "serve",
        at: CrashPoint | None = None,
        time: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> Service:
        """A process of the service, armed for a point or not; not started yet."""
        self._starts += 1
        armed = {"OTA_CM_CRASH_AT": f"{at}:{time}"} if at is not None else {}
        name = f"start-{self._starts}"
        service: Service = self._make(
            *arguments, name=name, settings={**self._settings, **armed, **(settings or {})}, command=command
        )
        return service

    def start(
        self, *arguments: str, at: CrashPoint | None = None, settings: Mapping[str, str] | None = None
    ) -> Service:
        """Start it and wait until it is ready; what it serves is where the shop asks from now on."""
        service = self.make(*arguments, at=at, settings=settings).start()
        service.ready()
        if service.port:
            self._api, self._operator = service, service.client()
        return service

    @property
    def dsn(self) -> str:
        if self._dsn is not None:
            return self._dsn
        assert self._api is not None
        return self._api.dsn

    # The partner.

    @property
    def partner(self) -> Partner:
        assert self._partner is not None
        return self._partner

    def trades_as(self, partner: Partner) -> None:
        """Act for this partner, whose endpoint may have been told things by other tests."""
        self._partner = partner
        self._arrived_before = self.endpoint.attempts()

    def client(self, key: str) -> Client:
        assert self._api is not None
        return self._api.client(key)

    @property
    def operator(self) -> Client:
        assert self._operator is not None
        return self._operator

    def arrived(self) -> list[Delivery]:
        return self.endpoint.deliveries(self.partner.secret, since=self._arrived_before)

    # Commands.

    def order(self, reference: str, *, paid: bool = True, key: str | None = None, by: Partner | None = None) -> Asked:
        """`by`: another partner than the shop's own."""
        partner = by or self.partner
        body = order_body(partner.partner_id, reference, paid=paid)
        return self._ask("create", reference, None, "POST", "/channelManager", body, key, partner)

    def confirm(self, of: Asked) -> Asked:
        path = f"/channelManager/{of.order_id}/confirm"
        return self._ask("confirm", of.reference, of.order_id, "POST", path, {"paymentReference": "PAY-2"})

    def cancel(self, of: Asked) -> Asked:
        return self._ask("cancel", of.reference, of.order_id, "DELETE", f"/channelManager/{of.order_id}", None)

    def _ask(
        self,
        operation: Operation,
        reference: str,
        order_id: str | None,
        method: str,
        path: str,
        body: object,
        key: str | None = None,
        by: Partner | None = None,
    ) -> Asked:
        """One command, and what was answered; noted, unless nothing was sent."""
        with self._lock:
            self._commands += 1
            correlation_id = f"{reference}.{self._commands}"
        headers = {"X-Correlation-Id": correlation_id, **({"Idempotency-Key": key} if key is not None else {})}
        client = self.client((by or self.partner).key)
        answer: Answer | None = None
        outcome: Outcome = "unknown"
        try:
            answer = client.call(method, path, body, headers)
        except NoAnswer as lost:
            if not lost.sent:
                return Asked(correlation_id, operation, reference, order_id, "unknown", None, key)
        finally:
            client.close()
        if answer is not None:
            assert answer.status < 500 or answer.status == 503, answer
            outcome = "accepted" if answer.status < 300 else "refused"
            if answer.status == 503 and answer.code == "outcome_unknown":
                outcome = "unknown"
            if outcome == "accepted":
                order_id = answer.body["orderId"]
        asked = Asked(correlation_id, operation, reference, order_id, outcome, answer, key)
        with self._lock:
            self.asked.append(asked)
        return asked

    def sell(self, name: str = "R", each: int = 2, *, keyed: bool = False) -> list[Asked]:
        """Some customers at once, one order after another each: paid and not, with an Idempotency-Key and without.

        `keyed`: all of them with one.
        """

        def customer(number: int) -> list[Asked]:
            told = []
            for count in range(each):
                reference = f"{name}-{number}-{count}"
                key = reference if keyed or number % 2 else None
                told.append(self.order(reference, paid=(number + count) % 2 == 0, key=key))
            return told

        with ThreadPoolExecutor(CUSTOMERS) as customers:
            return [asked for told in customers.map(customer, range(CUSTOMERS)) for asked in told]

    def ask_again(self, told: Sequence[Asked]) -> int:
        """Each order that was not accepted, as a careful partner does; it is taken, or was taken the first time.

        Answers how many of these were the first answer again.
        """
        replayed = 0
        for one in told:
            if one.outcome == "accepted":
                continue
            again = self.order(one.reference, paid=True, key=None) if one.key is None else self._with_key(one)
            replayed += again.replayed
            if again.outcome == "accepted":
                continue
            assert one.key is None, f"asked again with its Idempotency-Key: {again}"
            assert again.answer is not None, again
            assert (again.answer.status, again.answer.code) == (409, "duplicate_order"), again
            existing = str(again.answer.body["existingOrderId"])
            stored = self.database().orders()[existing][0].data["order"]["sellToOrderReference"]
            assert stored == one.reference
        return replayed

    def _with_key(self, one: Asked) -> Asked:
        number, count = (int(part) for part in one.reference.split("-")[-2:])
        return self.order(one.reference, paid=(number + count) % 2 == 0, key=one.key)

    def wait_for_status(self, order: Asked, status: str) -> None:
        client = self.client(self.partner.key)
        path = f"/channelManager/{order.order_id}"
        wait_for(f"{path} is {status}", lambda: client.got("GET", path)["status"] == status, WHOLE_SECONDS)
        client.close()

    # The truth.

    def rows(self, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def count(self, query: LiteralString, *parameters: object) -> int:
        ((number,),) = self.rows(query, *parameters)
        return int(number)

    def events(self, *topics: str) -> int:
        """How many events of these topics are in the log."""
        return self.count("select count(*) from stored_events where topic = any(%s)", list(topics))

    def position(self, consumer: str) -> int:
        query: LiteralString = "select coalesce(max(position), 0) from consumer_positions where name = %s"
        return self.count(query, consumer)

    def database(self) -> Database:
        return read_database(self.dsn)

    def wait_for_quiet(self, application: str) -> None:
        """Wait until the server has ended what a dead process ran in connections of this name."""
        query: LiteralString = "select count(*) from pg_stat_activity where application_name = %s and datname = %s"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            name = connection.info.dbname
            wait_for("quiet", lambda: connection.execute(query, (application, name)).fetchone() == (0,), 20)

    @contextmanager
    def held(self, statement: LiteralString) -> Iterator[psycopg.Connection]:
        """What the statement locks is held meanwhile, or until the connection is closed."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement)
            yield connection
            if not connection.closed:
                connection.rollback()

    def undone(self, dead_deliveries: int = 0) -> list[str]:
        """What is still under way, and what should never be there."""
        expected = f"deadDeliveries: {dead_deliveries}"
        # First: a consumer that is at the head by now has queued what is counted after.
        behind = lags(self.operator)
        waiting = self.count("select count(*) from webhook_deliveries where status = 'pending'")
        voids = self.count("select count(*) from void_jobs")
        return [
            *(line for line in behind if line != expected),
            *([f"{waiting} deliveries wait"] if waiting else []),
            *([f"{voids} jobs are to be destroyed"] if voids else []),
        ]

    def is_whole(self, *, told_elsewhere: frozenset[str] = frozenset(), dead_deliveries: int = 0) -> None:
        """Wait until nothing is under way; then everything that anyone was told is in the database, once, and reads so.

        `told_elsewhere`: orders whose webhooks go to another endpoint. Fails with what is not true.
        """

        def undone() -> list[str]:
            return self.undone(dead_deliveries)

        wait_for("settled and told", lambda: not undone(), WHOLE_SECONDS, detail=undone, every=LOOK_SECONDS)
        database = self.database()
        partner = self.client(self.partner.key)
        announced = Database(
            [event for event in database.events if event.stream not in told_elsewhere],
            [delivery for delivery in database.deliveries if delivery.order_id not in told_elsewhere],
        )
        faults = [
            *faults_of_log(database),
            *faults_of_answers(self.asked, database),
            *faults_of_webhooks(self.arrived(), announced),
            *faults_of_reads(partner, self.operator, self.partner.partner_id, _without(database, told_elsewhere)),
            *faults_of_read_model(self.dsn),
            *faults_of_places_and_numbers(self.dsn),
        ]
        assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])


def _without(database: Database, orders: frozenset[str]) -> Database:
    return replace(database, events=[event for event in database.events if event.stream not in orders])
