"""How the service conducts itself while something is wrong: how long each answer took, and what it was."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.e2e.client import Answer, Client, NoAnswer

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_READY = "GET /readyz"
_UNAVAILABLE = ("unavailable", "outcome_unknown")


@dataclass(frozen=True, slots=True)
class Heard:
    """One request and its answer. `began`, `ended`: monotonic seconds. `status` None: there was no answer."""

    operation: str
    began: float
    ended: float
    status: int | None
    code: str | None

    @property
    def is_write(self) -> bool:
        return not self.operation.startswith("GET ")

    @property
    def done(self) -> bool:
        return self.status is not None and self.status < 300


class Conduct:
    """Notes the answers of all clients that it made. `port`: of the service."""

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self._clients: list[Client] = []

    def client(self, key: str | None) -> Client:
        made = _Timed(self._port, key, self._note)
        self._clients.append(made)
        return made

    def heard(self, since: float = 0.0, until: float = float("inf")) -> list[Heard]:
        """What was asked between these moments."""
        with self._lock:
            return [one for one in self._heard if since <= one.began <= until]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _note(self, heard: Heard) -> None:
        with self._lock:
            self._heard.append(heard)


class _Timed(Client):
    def __init__(self, port: Callable[[], int], key: str | None, note: Callable[[Heard], None]) -> None:
        super().__init__(port, key)
        self._note = note

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        operation = f"{method} {_ID.sub('{id}', path)}"
        began = time.monotonic()
        try:
            answer = super().call(method, path, body, headers)
        except NoAnswer:
            self._note(Heard(operation, began, time.monotonic(), None, None))
            raise
        code = answer.body.get("code") if isinstance(answer.body, dict) else None
        self._note(Heard(operation, began, time.monotonic(), answer.status, code))
        return answer


def faults_of_conduct(heard: list[Heard], seconds: float) -> Iterator[str]:
    """Every request was answered within `seconds`, by what it asked for, a refusal or a 503 of the contract."""
    for one in heard:
        if one.status is None:
            yield f"no answer: {one}"
        elif one.ended - one.began > seconds:
            yield f"after {one.ended - one.began:.2f} s: {one}"
        elif one.status >= 500 and one.operation != _READY and (one.status != 503 or one.code not in _UNAVAILABLE):
            yield f"no 503 of the contract: {one}"
        elif one.code == "outcome_unknown" and not one.is_write:
            yield f"a read has no outcome: {one}"


def seconds_until_done(heard: list[Heard], moment: float, operations: Callable[[Heard], bool]) -> float:
    """From the moment until the first such operation was done; infinite where none was."""
    return min(
        (one.ended - moment for one in heard if one.done and one.ended >= moment and operations(one)),
        default=float("inf"),
    )


def slowest(heard: list[Heard]) -> float:
    return max((one.ended - one.began for one in heard), default=0.0)
