"""A partner's endpoint, a process of its own: `python -m tests.e2e.receiver [--refuse-every N]`.

Notes every delivery with its headers; `GET /deliveries` tells them. `--refuse-every`: answers each Nth one with 503.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from aiohttp import web

from tests.bench.serving import serve_until_stopped


class Reception:
    """What has arrived, in order."""

    def __init__(self, refuse_every: int) -> None:
        self._refuse_every = refuse_every
        self._deliveries: list[dict[str, Any]] = []

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.text()
        number = len(self._deliveries) + 1
        status = 503 if self._refuse_every and number % self._refuse_every == 0 else 204
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._deliveries.append({"path": request.path, "headers": headers, "body": body, "status": status})
        return web.Response(status=status)

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self._deliveries)


async def serve(refuse_every: int) -> None:
    reception = Reception(refuse_every)
    app = web.Application()
    app.add_routes([web.get("/deliveries", reception.tell), web.post("/{path:.*}", reception.receive)])
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
    asyncio.run(serve(parser.parse_args(arguments).refuse_every))


if __name__ == "__main__":
    main(sys.argv[1:])
