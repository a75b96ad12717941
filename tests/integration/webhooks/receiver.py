"""A partner's endpoint for tests: a real HTTP server on loopback that keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

Answering = Callable[["Received"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


async def _well(_received: Received) -> web.StreamResponse:
    return web.Response()


@dataclass
class Receiver:
    """`answer` decides what each request gets; `under_way` and `most_under_way` count requests without answer yet."""

    answer: Answering = _well
    received: list[Received] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    port: int = 0
    _runner: web.ServerRunner | None = None

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def message_ids(self) -> list[str]:
        return [received.message_id for received in self.received]

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, headers, await request.read())
        self.received.append(received)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self.answer(received)
        finally:
            self.under_way -= 1


def always(status: int, text: str = "", headers: dict[str, str] | None = None) -> Answering:
    async def answer(_received: Received) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return answer


def in_turn(*statuses: int) -> Answering:
    """These statuses for each message's attempts, one after the other, the last one for good."""
    attempts: dict[str, int] = {}

    async def answer(received: Received) -> web.StreamResponse:
        made = attempts.get(received.message_id, 0)
        attempts[received.message_id] = made + 1
        return web.Response(status=statuses[min(made, len(statuses) - 1)])

    return answer


def hanging(until: asyncio.Event) -> Answering:
    async def answer(_received: Received) -> web.StreamResponse:
        await until.wait()
        return web.Response()

    return answer
