"""The cheap way to say no: while new orders are refused, a createOrder is answered from its bytes alone.

Read by the HTTP library and routed, a refusal costs most of what a taken order's way to the store does, and a flood of
those that are refused would starve those that are taken. So what is plainly a createOrder, with a key that may create,
is answered before anything reads it. All else goes the usual way, and whatever is the least unusual: the contract's
checks that come first (key, scope, Accept, size, type) are seen to hold, not assumed. The body is not looked at.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from functools import lru_cache
from os import urandom
from typing import TYPE_CHECKING, NamedTuple

from aiohttp.http import SERVER_SOFTWARE

from services.api.app import CORRELATION_HEADER, CORRELATION_ID
from services.api.arrival import MAX_BODY_BYTES
from services.api.problems import PROBLEM_JSON, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.api.admission import Admission, Reason
    from services.api.authentication import Authentication
    from services.api.operation import Operation

_HEAD_END = b"\r\n\r\n"
_BEARER = b"bearer "
_KEY = re.compile(rb"[!-~]{1,500}\Z")

# Of a request with any other header, and of one whose value is not as here, the usual way decides.
_ANYTHING = re.compile(rb"[\t -~]*\Z")
_VALUES = {
    b"host": re.compile(rb"[!-~]+\Z"),
    b"accept": re.compile(rb"(?:\*/\*|application/json)\Z", re.IGNORECASE),
    b"content-type": re.compile(rb"application/json(?:; ?charset=utf-8)?\Z", re.IGNORECASE),
    b"content-length": re.compile(rb"[0-9]{1,7}\Z"),
    b"connection": re.compile(rb"keep-alive\Z", re.IGNORECASE),
    b"authorization": re.compile(rb"bearer +[!-~]{1,500}\Z", re.IGNORECASE),
    b"x-np-api-key": _KEY,
    CORRELATION_HEADER.lower().encode(): re.compile(CORRELATION_ID.pattern.encode()),
    **dict.fromkeys(
        (
            b"user-agent",
            b"accept-encoding",
            b"accept-language",
            b"cache-control",
            b"traceparent",
            b"tracestate",
            b"x-api-version",
            b"x-forwarded-for",
            b"x-forwarded-host",
            b"x-forwarded-port",
            b"x-forwarded-proto",
            b"x-real-ip",
            b"x-request-id",
        ),
        _ANYTHING,
    ),
}
_CORRELATION = CORRELATION_HEADER.lower().encode()


class RefusedUnread:
    """Call it with what came on a connection at rest. `operation`: createOrder. `counted`: told of each answer."""

    def __init__(
        self,
        operation: Operation,
        paths: Iterable[str],
        admission: Admission,
        authentication: Authentication,
        counted: Callable[[int, float], None],
    ) -> None:
        self._operation = operation
        self._starts = tuple(f"{operation.method} {path} HTTP/1.1\r\n".encode() for path in paths)
        self._admission = admission
        self._may = authentication.may
        self._counted = counted
        self._heads: dict[tuple[Reason, int], tuple[bytes, bytes]] = {}
        self._second = 0

    def __call__(self, data: bytes) -> bytes | None:
        """The whole answer; None where the request is to be read the usual way."""
        if not data.startswith(self._starts):
            return None
        reason = self._admission.why_not_unread()
        if reason is None or (correlation_id := self._correlation_id(data)) is None:
            self._admission.arriving()
            return None
        self._admission.count_refused(reason)
        self._counted(503, 0.0)
        before, after = self._around(reason, self._admission.retry_after(reason))
        return before + correlation_id + after

    def _correlation_id(self, data: bytes) -> bytes | None:
        """Of a request that may be refused unread."""
        end = data.find(_HEAD_END)
        plain = _plain(data[:end]) if end >= 0 else None
        if plain is None or plain.length != len(data) - end - len(_HEAD_END):
            return None
        if not self._may(plain.key, self._operation):
            return None
        return plain.correlation_id or urandom(16).hex().encode()

    def _around(self, reason: Reason, retry_after: int) -> tuple[bytes, bytes]:
        """What stands before the correlation id and after it, made once a second for each that occurs."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._heads.clear()
        found = self._heads.get((reason, retry_after))
        if found is None:
            found = self._heads[reason, retry_after] = _written(self._admission.problem(reason, retry_after), second)
        return found


class _Plain(NamedTuple):
    """A head without anything unusual. `length`: of the body."""

    length: int
    key: str
    correlation_id: bytes | None


@lru_cache(1024)  # a client sends the same head again and again
def _plain(head: bytes) -> _Plain | None:
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:]:
        written, colon, value = line.partition(b":")
        name, value = written.lower(), value.strip(b" \t")
        allowed = _VALUES.get(name)
        if not colon or allowed is None or not allowed.match(value) or name in headers:
            return None
        headers[name] = value
    length = int(headers.get(b"content-length", b"0"))
    authorization = headers.get(b"authorization")
    key = authorization[len(_BEARER) :].strip() if authorization else headers.get(b"x-np-api-key", b"")
    if not key or not 0 < length <= MAX_BODY_BYTES or b"host" not in headers or b"content-type" not in headers:
        return None
    return _Plain(length, key.decode("ascii"), headers.get(_CORRELATION))


def _written(problem: Problem, second: int) -> tuple[bytes, bytes]:
    """The problem as HTTP, cut at the correlation id."""
    body = problem.body()
    headers = {
        **problem.headers,
        "Content-Type": PROBLEM_JSON,
        "Content-Length": str(len(body)),
        "Date": formatdate(second, usegmt=True),
        "Server": SERVER_SOFTWARE,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{head}{CORRELATION_HEADER}: ".encode(), _HEAD_END + body
