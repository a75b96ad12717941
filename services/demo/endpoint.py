"""The agent's own web server in the walk-through: it receives the webhooks, and believes only signed ones."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from services.demo.surprise import Surprise

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/tickets-are-ready"
_SECONDS = 15.0


class Announcement(NamedTuple):
    """What a webhook said. `at`: when it came, of the same clock as Answer.sent_at."""

    status: str
    client_state: str
    at: float


class Endpoint:
    """Listens on a free port of 127.0.0.1 while entered."""

    def __init__(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._receive), shutdown_timeout=1.0)
        self._announced: defaultdict[str, asyncio.Queue[Announcement | Surprise]] = defaultdict(asyncio.Queue)
        self._seen: set[str] = set()
        self._signature: Webhook | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def trust(self, secret: str) -> None:
        """Verify deliveries with this secret from now on."""
        self._signature = Webhook(secret)

    async def announced(self, order_id: str) -> Announcement:
        """The next webhook about this order. Raises Surprise where none comes, or one without a valid signature."""
        try:
            async with asyncio.timeout(_SECONDS):
                announcement = await self._announced[order_id].get()
        except TimeoutError:
            raise Surprise("webhook", f"one within {_SECONDS:g} s", "none") from None
        if isinstance(announcement, Surprise):
            raise announcement
        return announcement

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        at = time.perf_counter()
        body = await request.read()
        try:
            event = self._verified(body, dict(request.headers))["value"][0]
        except WebhookVerificationError as error:
            refusal = Surprise("webhook", "a valid signature", f"one that does not hold ({error})")
            for waiting in self._announced.values():
                waiting.put_nowait(refusal)
            return web.Response(status=401)
        # At least once is the promise: a repeat comes under the id of the first.
        if request.headers["webhook-id"] not in self._seen:
            self._seen.add(request.headers["webhook-id"])
            payload = event["payload"]
            said = Announcement(payload["status"], event["clientState"], at)
            self._announced[payload["orderId"]].put_nowait(said)
        return web.Response(status=204)

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - decoded JSON
        if self._signature is None:
            raise WebhookVerificationError("there is no secret yet")
        return self._signature.verify(body, dict(headers))
