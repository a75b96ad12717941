"""What the clients of a round asked and were told, and when: the history that is held against the log and the model."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Operation = Literal["create", "get", "replace", "confirm", "cancel"]
Outcome = Literal["accepted", "refused", "unknown", "nothing"]
"""`refused` by what the order is or the body says; `nothing`: it was not taken at all (503, not even sent)."""


class Content(Struct, frozen=True):
    """What tells one command's content from another's. `quantity`: None where an answer shows no items."""

    mark: str
    quantity: int | None
    payment: str


class Told(Struct, frozen=True, omit_defaults=True):
    """As much of an answer as is compared. Of a refusal: `order_id` of the existing order, `status` the current one."""

    order_id: str = ""
    version: int = 0
    status: str = ""
    content: Content | None = None
    removed: bool = False
    replayed: bool = False


class Call(Struct, frozen=True, omit_defaults=True):
    """One request and its answer. `invoked`, `answered`: seconds on the round's own clock; no answer: None.

    `correlation_id` names it in the events that it led to. `if_match`: the version that it was meant for.
    """

    client: str
    service: str
    operation: Operation
    reference: str
    correlation_id: str
    invoked: float
    answered: float | None
    outcome: Outcome
    order_id: str = ""
    key: str = ""
    if_match: int = 0
    asked: Content | None = None
    http: int = 0
    code: str = ""
    told: Told | None = None


class History:
    """Filled by several threads. `surprises`: answers that break the contract by themselves."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.surprises: list[str] = []
        self.accepted = 0
        self._began = time.monotonic()
        self._noted = threading.Condition()

    def now(self) -> float:
        return time.monotonic() - self._began

    def note(self, call: Call) -> None:
        with self._noted:
            self.calls.append(call)
            if call.outcome == "accepted" and call.operation != "get":
                self.accepted += 1
                self._noted.notify_all()

    def surprise(self, text: str) -> None:
        with self._noted:
            self.surprises.append(text)

    def wait_for_accepted(self, count: int, seconds: float) -> bool:
        """Wait until so many more commands were accepted; False if that takes longer than `seconds`."""
        with self._noted:
            enough = self.accepted + count
            return self._noted.wait_for(lambda: self.accepted >= enough, seconds)

    def save(self, file: Path) -> None:
        """A line of JSON a call."""
        file.write_bytes(b"".join(msgspec.json.encode(call) + b"\n" for call in self.calls))


def load(file: Path) -> list[Call]:
    """The calls of a history that was saved."""
    return [msgspec.json.decode(line, type=Call) for line in file.read_bytes().splitlines()]


def by_reference(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        found[call.reference].append(call)
    return found
