"""A load of whole order lives by several clients, each of which remembers what it was told.

A client does what a careful partner's does when an answer is lost or unknown: asks again with the same Idempotency-Key,
or takes 409 `duplicate_order` as found; and sometimes it never asks again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.e2e.client import Answer, Client, NoAnswer

Operation = Literal["create", "replace", "confirm", "cancel"]
Outcome = Literal["accepted", "refused", "unknown"]

IN_FLIGHT = ("Submitted", "Scheduled", "Processing")
CLIENTS = 8

# What becomes of an order, and how often.
_LIVES = {"paid": 40, "draft": 14, "confirm": 12, "remove": 8, "replace": 10, "cancel": 10, "faulty": 4, "twice": 4}


@dataclass(frozen=True, slots=True)
class Asked:
    """One command and what was answered. `correlation_id` names it in the events that it led to.

    `version`: of the order in the answer. `replayed`: it was the first answer again.
    """

    correlation_id: str
    operation: Operation
    reference: str
    order_id: str | None
    outcome: Outcome
    answer: Answer | None
    key: str | None

    @property
    def replayed(self) -> bool:
        return self.answer is not None and self.answer.headers.get("idempotent-replayed") == "true"


@dataclass
class Ledger:
    """What all clients were told. `surprises`: answers that break the contract by themselves."""

    asked: list[Asked] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    accepted: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)
            self.accepted += asked.outcome == "accepted"

    def surprise(self, text: str) -> None:
        with self._lock:
            self.surprises.append(text)


def order_body(partner_id: str, reference: str, *, paid: bool, quantity: int = 2) -> dict[str, Any]:
    """An order of day tickets and one coffee."""
    visit = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    ticket = {"itemNumber": "31001", "quantity": quantity, "visitDate": visit, "visitTime": "10:30:00"}
    return {
        "partnerId": partner_id,
        "sellToOrderReference": reference,
        "sellToName": "Jane Doe",
        "sellToEmail": "jane@example.com",
        **({"paymentReference": "PAY-1"} if paid else {}),
        "items": [ticket, {**ticket, "itemNumber": "33001", "quantity": 1}],
    }


class Load:
    """Runs from `start` to `stop`; `client` makes a client with the partner's key."""

    def __init__(self, seed: int, partner_id: str, client: Callable[[], Client]) -> None:
        self.ledger = Ledger()
        self._seed = seed
        self._partner_id = partner_id
        self._client = client
        self._stop = threading.Event()
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the commands under way; raises what went wrong in a client."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        for fault in self._faults:
            raise fault

    def _run(self, number: int) -> None:
        life = _Life(self.ledger, self._stop, self._client(), self._partner_id, random.Random(f"{self._seed}/{number}"))
        count = 0
        try:
            while not self._stop.is_set():
                count += 1
                life.live(f"L{self._seed}-{number}-{count}")
        except BaseException as fault:
            self._faults.append(fault)
        finally:
            life.client.close()


class _Life:
    def __init__(
        self, ledger: Ledger, stop: threading.Event, client: Client, partner_id: str, chance: random.Random
    ) -> None:
        self.client = client
        self._ledger = ledger
        self._stop = stop
        self._partner_id = partner_id
        self._chance = chance
        self._commands = 0

    def live(self, reference: str) -> None:
        """One order from its making on, as far as the load still runs."""
        (life,) = self._chance.choices(list(_LIVES), list(_LIVES.values()))
        paid = life not in {"draft", "confirm", "remove", "replace"}
        body = order_body(self._partner_id, reference, paid=paid, quantity=self._chance.randint(1, 3))
        if life == "faulty":
            del body["items"][0]["visitDate"]
        order_id = self._insist("create", reference, None, "POST", "/channelManager", body)
        if order_id is None:
            return
        if life == "twice":
            again = self._ask("create", reference, None, "POST", "/channelManager", body, None)
            told = again.answer.body if again is not None and again.answer is not None else {}
            if again is not None and again.outcome == "accepted":
                self._ledger.surprise(f"{reference} was taken twice: {told}")
            elif "existingOrderId" in told and told["existingOrderId"] != order_id:
                self._ledger.surprise(f"{reference}: duplicate of {told}, not of {order_id}")
            return
        if life in {"paid", "draft", "faulty"} or not self._settled(order_id):
            return
        path = f"/channelManager/{order_id}"
        if life == "confirm":
            self._insist("confirm", reference, order_id, "POST", f"{path}/confirm", {"paymentReference": "PAY-2"})
        elif life == "replace":
            body = order_body(self._partner_id, reference, paid=self._chance.random() < 0.7, quantity=1)
            self._insist("replace", reference, order_id, "PUT", path, body)
        else:
            self._insist("cancel", reference, order_id, "DELETE", path, None)

    def _settled(self, order_id: str) -> bool:
        """Poll until the order has settled. False when the load ends first."""
        while not self._stop.wait(0.02):
            try:
                answer = self.client.call("GET", f"/channelManager/{order_id}")
            except NoAnswer:
                continue
            if answer.status == 200 and answer.body["status"] not in IN_FLIGHT:
                return True
            if answer.status not in {200, 503}:
                self._ledger.surprise(f"getOrder of the accepted {order_id}: {answer}")
                return False
        return False

    def _insist(
        self, operation: Operation, reference: str, order_id: str | None, method: str, path: str, body: object
    ) -> str | None:
        """Ask until an answer is certain, or, one time in three, only once; the order's id where it is known."""
        careful = self._chance.random() < 2 / 3
        key = f"{operation}-{reference}" if self._chance.random() < 0.5 else None
        while True:
            asked = self._ask(operation, reference, order_id, method, path, body, key)
            if asked is not None and asked.outcome == "accepted":
                assert asked.answer is not None
                self._expect_visible(asked)
                return asked.order_id
            if asked is not None and asked.outcome == "refused" and asked.answer is not None:
                if asked.answer.status == 409 and asked.answer.code == "duplicate_order":
                    return str(asked.answer.body["existingOrderId"])
                if asked.answer.status not in {503, 409}:
                    return None
                if asked.answer.code in {"invalid_status", "order_in_flight"}:
                    return None  # a lost answer's command took effect
            if (asked is not None and not careful) or self._stop.wait(0.03):
                return None

    def _ask(
        self,
        operation: Operation,
        reference: str,
        order_id: str | None,
        method: str,
        path: str,
        body: object,
        key: str | None,
    ) -> Asked | None:
        """One command, noted; None where it was not even sent."""
        self._commands += 1
        correlation_id = f"{reference}.{self._commands}"
        headers = {"X-Correlation-Id": correlation_id}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer: Answer | None = None
        try:
            answer = self.client.call(method, path, body, headers)
        except NoAnswer as lost:
            if not lost.sent:
                self._stop.wait(0.03)
                return None
        outcome: Outcome = "refused"
        if answer is None or (answer.status == 503 and answer.code == "outcome_unknown"):
            outcome = "unknown"
        elif 200 <= answer.status < 300:
            outcome = "accepted"
            order_id = answer.body["orderId"]
        elif answer.status >= 500 and answer.status != 503:
            self._ledger.surprise(f"{operation} {reference}: {answer}")
        asked = Asked(correlation_id, operation, reference, order_id, outcome, answer, key)
        self._ledger.note(asked)
        return asked

    def _expect_visible(self, asked: Asked) -> None:
        """Read your own writes: that state or a later one."""
        assert asked.answer is not None
        try:
            read = self.client.call("GET", f"/channelManager/{asked.order_id}")
        except NoAnswer:
            return
        removed = asked.operation == "cancel" and asked.answer.body.get("removed") is True
        if read.status == 503:
            return
        if removed != (read.status == 404) or (not removed and read.version < asked.answer.version):
            self._ledger.surprise(f"after {asked}: {read}")
