"""Calls of a running service, as curl would make them."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Answer(NamedTuple):
    status: int
    body: Any


def call(port: int, key: str, method: str, path: str, body: object = None) -> Answer:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=None if body is None else msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Answer(answer.status, msgspec.json.decode(answer.read() or b"null"))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, msgspec.json.decode(refusal.read()))


def eventually(ask: Callable[[], Answer], wanted: Callable[[Answer], bool], seconds: float = 15.0) -> Answer:
    """The first answer that is as wanted; the last one, asserted, when the time is over."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer
