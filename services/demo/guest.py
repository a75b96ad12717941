"""The guest in the walk-through: opens the tickets by their address alone, and keeps the page and the PDF."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import ClientError, ClientTimeout

from services.demo.surprise import Surprise

if TYPE_CHECKING:
    from aiohttp import ClientSession

PAGE, PDF = "tickets.html", "tickets.pdf"

_SECONDS = ClientTimeout(total=30)


class Opened(NamedTuple):
    """What an address led to. `ms`: from sending to having read it. `kept`: where it was saved."""

    body: bytes
    ms: float
    kept: Path


class Guest:
    """`folder`: where the tickets are kept; None: one that is made for them. Both outlive the walk-through."""

    def __init__(self, session: ClientSession, folder: Path | None) -> None:
        self._session = session
        self._folder = folder

    async def opens(self, url: str, content_type: str, file: str) -> Opened:
        """Raises Surprise where it is not there, and OSError where it cannot be saved."""
        sent_at = time.perf_counter()
        try:
            async with self._session.get(url, timeout=_SECONDS) as response:
                body = await response.read()
        except (ClientError, TimeoutError) as error:
            raise Surprise("the tickets' address", 200, f"no answer ({type(error).__name__}: {error})") from error
        ms = (time.perf_counter() - sent_at) * 1000
        if (response.status, response.content_type) != (200, content_type):
            raise Surprise("the tickets' address", f"200 {content_type}", f"{response.status} {response.content_type}")
        return Opened(body, ms, await asyncio.to_thread(self._keep, file, body))

    def _keep(self, file: str, body: bytes) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ota-demo-tickets-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / file
        path.write_bytes(body)
        return path
