"""A partner's endpoint, a process of its own: `python -m tests.e2e.receiver [--refuse-every N] [--delay-ms N]`.

Notes every delivery with its headers: `GET /deliveries` tells them, `GET /ids` their ids. `--refuse-every`: answers
each Nth one with 503; those to `/gone` are answered with 410. `--delay-ms`: answers each after up to so long.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from typing import Any

from aiohttp import web

from tests.bench.serving import serve_until_stopped


class Reception:
    """What has arrived, in order."""

    def __init__(self, refuse_every: int, delay_ms: int = 0) -> None:
        self._refuse_every = refuse_every
        self._delay_ms = delay_ms
        self._deliveries: list[dict[str, Any]] = []

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.text()
        number = len(self._deliveries) + 1
        status = 503 if self._refuse_every and number % self._refuse_every == 0 else 204
        if request.path == "/gone":
            status = 410
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._deliveries.append({"path": request.path, "headers": headers, "body": body, "status": status})
        if self._delay_ms:
            await asyncio.sleep(random.random() * self._delay_ms / 1000)
        return web.Response(status=status)

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self._deliveries)

    async def tell_ids(self, _: web.Request) -> web.Response:
        return web.json_response([one["headers"].get("webhook-id") for one in self._deliveries])


async def serve(refuse_every: int, delay_ms: int) -> None:
    reception = Reception(refuse_every, delay_ms)
    app = web.Application()
    app.add_routes(
        [
            web.get("/deliveries", reception.tell),
            web.get("/ids", reception.tell_ids),
            web.post("/{path:.*}", reception.receive),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await serve_until_stopped(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.receiver", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--refuse-every", type=int, default=0)
    parser.add_argument("--delay-ms", type=int, default=0)
    given = parser.parse_args(arguments)
    asyncio.run(serve(given.refuse_every, given.delay_ms))


if __name__ == "__main__":
    main(sys.argv[1:])
