"""One attempt to deliver: a POST, and what the endpoint said to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import aiohttp
from yarl import URL

from projections.webhook_deliveries import Attempt, Outcome
from services.webhooks.address_guard import AddressRefused
from services.webhooks.retry import Dead, Delivered, Gone, Retry, Verdict

SHOWN_BYTES: Final = 1_024
"""So much of an answer's text is kept with the attempt."""

# An answer up to this long is read to its end, so that its connection can be used again.
_DRAINED_BYTES: Final = 65_536
_SHOWN_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Either a status (and the answer's text, shortened), or an error, never both."""

    status: int | None
    text: str | None
    error: str | None
    seconds: float


async def attempt(session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST the body once, within the session's time-out; never raises for what the network or the endpoint did.

    The answer's head is what counts: a status that came in time stands, even if its text never ends.
    """
    started = time.perf_counter()
    status: int | None = None
    text: str | None = None
    error: str | None = None
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
            text = await _shortened(response.content)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
        if status is None:
            error = _told(fault)
    return Answer(status, text, error, time.perf_counter() - started)


async def _shortened(content: aiohttp.StreamReader) -> str:
    shown = bytearray()
    read = 0
    while read < _DRAINED_BYTES and not content.at_eof():
        chunk = await content.readany()
        read += len(chunk)
        if len(shown) < SHOWN_BYTES:
            shown += chunk[: SHOWN_BYTES - len(shown)]
    return _storable(shown.decode(errors="replace"))


def _told(fault: Exception) -> str:
    """What happened, in words for the partner's engineer."""
    if isinstance(fault, asyncio.TimeoutError):
        return "no answer in time"
    cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
    if isinstance(cause, AddressRefused):
        return _storable(f"address not allowed: {cause.strerror}")
    if isinstance(fault, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer came"
    return _storable(f"{type(fault).__name__}: {fault}")[:_SHOWN_ERROR]


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # jsonb cannot hold U+0000


def recorded(delivery_id: UUID, answer: Answer, began: float, follows: Verdict) -> Outcome:
    """What is written down of an attempt that began at `began` (Unix seconds)."""
    made = Attempt(
        at=datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        status_code=answer.status,
        duration_ms=round(answer.seconds * 1_000),
        error=answer.error,
        response=answer.text,
    )
    match follows:
        case Delivered():
            return Outcome(delivery_id, "delivered", None, made)
        case Retry(after_seconds=seconds):
            return Outcome(delivery_id, "pending", seconds, made)
        case Dead() | Gone():
            return Outcome(delivery_id, "dead", None, made)
