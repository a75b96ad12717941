"""Whoever speaks HTTP to the service in the walk-through: each call checked, and timed."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import ClientError, ClientTimeout

from services.demo.surprise import Surprise

if TYPE_CHECKING:
    from aiohttp import ClientSession

_SECONDS = ClientTimeout(total=15)


class Answer(NamedTuple):
    """`body`: decoded, numbers with their digits; None where there was none. `ms`: from sending to having read it."""

    status: int
    body: Any
    sent_at: float
    ms: float


class Caller:
    """Calls with one API key."""

    def __init__(self, session: ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, expected: int, body: object = None) -> Answer:
        """Raises Surprise where another status comes, or nothing."""
        sent_at = time.perf_counter()
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=self._headers, timeout=_SECONDS
            ) as response:
                text = await response.text()
        except (ClientError, TimeoutError) as error:
            raise Surprise(f"{method} {path}", expected, f"no answer ({type(error).__name__}: {error})") from error
        ms = (time.perf_counter() - sent_at) * 1000
        if response.status != expected:
            raise Surprise(f"{method} {path}", expected, f"{response.status} {text[:500]}")
        decoded = json.loads(text, parse_float=Decimal) if text else None
        return Answer(response.status, decoded, sent_at, ms)
