"""The steady load: clients that make orders, and command and read each other's, on whichever api process answers.

An outcome that is unknown is asked for again with the same Idempotency-Key, or left at that.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.history import Call, Content, History, Operation, Outcome, Told
from tests.chaos.places import narrow_day, wants_the_narrow_day
from tests.e2e.client import Answer, Client, NoAnswer
from tests.e2e.load import order_body

CLIENTS: Final = 6
CLIENT_SECONDS: Final = 6.0
"""A client waits a second longer than the service may take for an answer."""

_ON_THE_TABLE: Final = 5
_CALLS_EACH: Final = 30
_AVOID_SECONDS: Final = 2.0
_THINK_SECONDS: Final = 0.015
_NEW: Final = 0.3
_READS_BACK: Final = 0.4
_OPERATIONS: Final[dict[Operation, int]] = {"get": 45, "replace": 14, "confirm": 14, "cancel": 12, "create": 10}
_REFUSED: Final = {400, 404, 409, 412}

Connect = Callable[[], Client]


@dataclass
class _Shared:
    """An order that several clients work on. `order_id`, `version`: as they were told last, by whomever."""

    reference: str
    order_id: str
    version: int
    calls: int = 0


class Crowd:
    """Runs from `start` to `stop`. `services`: by name, how to connect to each api process as the partner."""

    def __init__(self, seed: int, partner_id: str, services: Mapping[str, Connect], history: History) -> None:
        self.history = history
        self._seed = seed
        self._partner_id = partner_id
        self._services = services
        self._stop = threading.Event()
        self._table: list[_Shared] = []
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the calls under way; raises what went wrong in a client."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        for fault in self._faults:
            raise fault

    def read_all(self) -> None:
        """Read every order that anybody was told of once more, at each api process."""
        known = {
            (call.reference, call.told.order_id) for call in self.history.calls if call.told and call.told.order_id
        }
        asker = _Asker("last", self._seed, self._partner_id, self._services, self.history)
        for reference, order_id in sorted(known):
            for service in self._services:
                asker.ask("get", reference, order_id, service=service)
        asker.close()

    def _run(self, number: int) -> None:
        asker = _Asker(f"c{number}", self._seed, self._partner_id, self._services, self.history)
        try:
            while not self._stop.is_set():
                self._one(asker)
                self._stop.wait(asker.chance.random() * _THINK_SECONDS)
        except BaseException as fault:
            self._faults.append(fault)
        finally:
            asker.close()

    def _one(self, asker: _Asker) -> None:
        chance = asker.chance
        table = [shared for shared in self._table if shared.calls < _CALLS_EACH]
        if chance.random() < _NEW or len(table) < _ON_THE_TABLE:
            reference = asker.next_reference()
            told = self._insist(asker, "create", reference, "", 0)
            if told is not None and told.order_id:
                self._table = [*table[-_ON_THE_TABLE + 1 :], _Shared(reference, told.order_id, told.version)]
            return
        shared = chance.choice(table)
        shared.calls += 1
        (operation,) = chance.choices(list(_OPERATIONS), list(_OPERATIONS.values()))
        order_id = "" if operation == "create" else shared.order_id
        meant = shared.version if operation not in {"get", "create"} and chance.random() < 0.2 else 0
        told = self._insist(asker, operation, shared.reference, order_id, meant)
        if told is not None and told.order_id:
            shared.order_id, shared.version = told.order_id, told.version or shared.version

    def _insist(self, asker: _Asker, operation: Operation, reference: str, order_id: str, if_match: int) -> Told | None:
        """Ask, and where the outcome stays unknown, two times in three ask again with the same key."""
        chance = asker.chance
        key = asker.next_key() if operation != "get" and chance.random() < 0.6 else ""
        asked = asker.content(operation)
        tries = 4 if key and chance.random() < 2 / 3 else 1
        call = asker.ask(operation, reference, order_id, key=key, if_match=if_match, asked=asked)
        while tries > 1 and not self._stop.is_set() and call.outcome in {"unknown", "nothing"}:
            tries -= 1
            self._stop.wait(0.05)
            call = asker.ask(operation, reference, order_id, key=key, if_match=if_match, asked=asked)
        if key and call.outcome == "accepted" and chance.random() < 0.1:
            asker.ask(operation, reference, order_id, key=key, if_match=if_match, asked=asked)  # the same answer
        if call.outcome == "accepted" and operation != "get" and chance.random() < _READS_BACK:
            assert call.told is not None
            asker.ask("get", reference, call.told.order_id)  # at whichever process
        return call.told


class _Asker:
    """One client: its connections, its chance, its numbering."""

    def __init__(
        self, name: str, seed: int, partner_id: str, services: Mapping[str, Connect], history: History
    ) -> None:
        self.name = name
        self.chance = random.Random(f"{name} {seed}")
        self._partner_id = partner_id
        self._clients = {service: connect() for service, connect in services.items()}
        self._history = history
        self._prefix = f"X{seed}-{name}"
        self._count = 0
        self._avoid: dict[str, float] = {}

    def next_reference(self) -> str:
        return f"{self._prefix}-{self._next()}"

    def next_key(self) -> str:
        return f"key-{self._prefix}-{self._next()}"

    def content(self, operation: Operation) -> Content | None:
        """Of its own for each command, so that what is read tells who wrote it."""
        if operation not in {"create", "replace", "confirm"}:
            return None
        number = self._next()
        paid = operation == "confirm" or self.chance.random() < 0.4
        quantity = 0 if operation == "create" and self.chance.random() < 0.03 else self.chance.randint(1, 3)
        return Content(f"Guest {self.name} {number}", quantity, f"PAY-{self.name}-{number}" if paid else "")

    def ask(
        self,
        operation: Operation,
        reference: str,
        order_id: str,
        *,
        key: str = "",
        if_match: int = 0,
        asked: Content | None = None,
        service: str | None = None,
    ) -> Call:
        """One call, noted."""
        service = service or self._choose()
        correlation_id = f"{self._prefix}.{self._next()}"
        headers = {"X-Correlation-Id": correlation_id}
        if key:
            headers["Idempotency-Key"] = key
        if if_match:
            headers["If-Match"] = f'"v{if_match}"'
        method, path, body = self._request(operation, reference, order_id, asked)
        invoked = self._history.now()
        answer: Answer | None = None
        outcome: Outcome = "unknown"
        try:
            answer = self._clients[service].call(method, path, body, headers)
        except NoAnswer as lost:
            self._avoid[service] = invoked + _AVOID_SECONDS
            if not lost.sent or operation == "get":
                outcome = "nothing"
        answered = self._history.now()
        code = ""
        told = None
        if answer is not None:
            outcome, code, told = self._understood(operation, answer)
        call = Call(
            client=self.name,
            service=service,
            operation=operation,
            reference=reference,
            correlation_id=correlation_id,
            invoked=invoked,
            answered=answered if answer is not None else None,
            outcome=outcome,
            order_id=order_id,
            key=key,
            if_match=if_match,
            asked=asked,
            http=answer.status if answer is not None else 0,
            code=code,
            told=told,
        )
        self._history.note(call)
        return call

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _choose(self) -> str:
        """Any of the api processes, but not one that has just failed us, as a load balancer would."""
        now = self._history.now()
        good: Sequence[str] = [name for name in self._clients if self._avoid.get(name, 0.0) <= now]
        return self.chance.choice(good or list(self._clients))

    def _request(
        self, operation: Operation, reference: str, order_id: str, asked: Content | None
    ) -> tuple[str, str, object]:
        path = f"/channelManager/{order_id}"
        match operation:
            case "get":
                return "GET", path, None
            case "cancel":
                return "DELETE", path, None
            case "confirm":
                assert asked is not None
                return "POST", f"{path}/confirm", {"paymentReference": asked.payment}
            case "create" | "replace":
                assert asked is not None
                body = order_body(self._partner_id, reference, paid=False, quantity=asked.quantity or 0)
                body |= {"sellToName": asked.mark, "paymentReference": asked.payment}
                if wants_the_narrow_day(asked):
                    for line in body["items"]:
                        line["visitDate"] = narrow_day().isoformat()
                return ("PUT", path, body) if operation == "replace" else ("POST", "/channelManager", body)

    def _understood(self, operation: Operation, answer: Answer) -> tuple[Outcome, str, Told | None]:
        if 200 <= answer.status < 300:
            return "accepted", "", _told(answer)
        code = answer.code
        if answer.status == 503:
            if code == "outcome_unknown":
                return "unknown", code, None
            return "nothing", code, None
        if code == "request_in_progress":
            return "nothing", code, None
        if answer.status not in _REFUSED:
            self._history.surprise(f"{operation}: {answer}")
        body: Mapping[str, Any] = answer.body
        existing, status = str(body.get("existingOrderId", "")), str(body.get("currentStatus", ""))
        return "refused", code, Told(order_id=existing, status=status)


def _told(answer: Answer) -> Told:
    body = answer.body
    items = body.get("items", [])
    return Told(
        order_id=body["orderId"],
        version=answer.version,
        status=body["status"],
        content=Content(body["sellToName"], items[0]["quantity"] if items else None, body["paymentReference"]),
        removed=body.get("removed") is True,
        replayed=answer.headers.get("idempotent-replayed") == "true",
    )
