"""A partner's HTTP client: one connection, blocking, opened anew when it broke."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class NoAnswer(Exception):
    """The connection could not be made, or broke before the answer was there. `sent`: the request may have arrived."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("no answer")
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Of a problem."""
        return str(self.body["code"])

    @property
    def version(self) -> int:
        """Of the order in the answer."""
        return int(self.headers["etag"].strip('"').removeprefix("v"))


class Client:
    """`port` is asked at each connection: a service that was started again may have another one."""

    def __init__(self, port: Callable[[], int], key: str | None, *, seconds: float = 20.0) -> None:
        self._port = port
        self.key = key
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises NoAnswer. A body of bytes is sent as it is, anything else as JSON."""
        sent = dict(headers or {})
        data: bytes | None = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.key is not None:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        try:
            connection = self._connected()
        except OSError:
            self.close()
            raise NoAnswer(sent=False) from None
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise NoAnswer(sent=True) from None
        if response.will_close:
            self.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, json.loads(text) if text else None)

    def got(self, method: str, path: str, body: object = None) -> Any:
        """The body of a 2xx; anything else fails the test. A GET whose kept connection proves dead is asked again."""
        try:
            answer = self.call(method, path, body)
        except NoAnswer:
            if method != "GET":
                raise
            answer = self.call(method, path, body)
        assert 200 <= answer.status < 300, (method, path, answer)
        return answer.body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=self._seconds)
            self._connection.connect()
        return self._connection
