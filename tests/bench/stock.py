"""The stock answer: `python -m tests.bench.stock --data FOLDER [--port 0]`.

What one writes after the `eventsourcing` library's own documentation: an Application of aggregates on its
PostgresApplicationRecorder, behind aiohttp, where saving is synchronous and so runs in a pool of threads. It decodes
the same body, keeps a partner's reference unique by an aggregate whose id is made of it, and has an embedded PostgreSQL
of the same kind and settings. It seals no names, writes no log and validates nothing.
"""

import argparse
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import uvloop
from aiohttp import web
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from multidict import CIMultiDict

from infra.postgres.embedded import EmbeddedPostgres
from tests.bench import bare
from tests.bench.serving import serve_until_stopped

THREADS = 4  # with more, less was taken
_JSON = CIMultiDict({"Content-Type": "application/json"})


class Order(Aggregate):
    """An order as it was submitted."""

    @event("Submitted")
    def __init__(self, partner_id: str, reference: str, header: dict[str, str], lines: list[dict[str, Any]]) -> None:
        self.partner_id = partner_id
        self.reference = reference
        self.header = header
        self.lines = lines
        self.status = "Submitted"


class Reference(Aggregate):
    """A partner's reference: its id is made of it, so that a second one cannot be saved."""

    @event("Reserved")
    def __init__(self, partner_id: str, reference: str, order_id: UUID) -> None:
        self.partner_id = partner_id
        self.reference = reference
        self.order_id = order_id

    @staticmethod
    def create_id(partner_id: str, reference: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/partners/{partner_id}/references/{reference}")


class Orders(Application[UUID]):
    """Takes orders; blocks until they are durable."""

    def submit(self, body: bare.Order) -> Order:
        """Raises IntegrityError where the reference is in use."""
        header = {
            "paymentReference": body.payment_reference,
            "sellToName": body.sell_to_name,
            "sellToEmail": body.sell_to_email,
            "sellToLanguage": body.sell_to_language,
        }
        order = Order(body.partner_id, body.sell_to_order_reference, header, msgspec.to_builtins(body.items))
        self.save(order, Reference(body.partner_id, body.sell_to_order_reference, order.id))
        return order


class Api:
    """createOrder over an Application."""

    def __init__(self, orders: Orders, threads: ThreadPoolExecutor) -> None:
        self._orders = orders
        self._threads = threads

    async def create_order(self, request: web.Request) -> web.Response:
        body = bare.decode(await request.read())
        loop = asyncio.get_running_loop()
        try:
            order = await loop.run_in_executor(self._threads, self._orders.submit, body)
        except IntegrityError:
            return web.Response(status=409)
        answer = {
            "orderId": order.id,
            "status": order.status,
            "partnerId": order.partner_id,
            "sellToOrderReference": order.reference,
            "items": [],
            **order.header,
        }
        return web.Response(status=201, body=msgspec.json.encode(answer), headers=_JSON)


async def serve(port: int, folder: Path) -> None:
    app = web.Application()
    api = Api(Orders(_environment(folder)), ThreadPoolExecutor(THREADS))
    app.add_routes([web.post("/channelManager", api.create_order)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        await serve_until_stopped(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _environment(folder: Path) -> dict[str, str]:
    """The library's settings, as its documentation gives them; a connection for each thread."""
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_HOST": str(folder.resolve()),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": "",
        "POSTGRES_DBNAME": "postgres",
        "POSTGRES_POOL_SIZE": str(THREADS),
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stock", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True, help="folder of its PostgreSQL")
    options = parser.parse_args(arguments)
    with EmbeddedPostgres(options.data):
        uvloop.run(serve(options.port, options.data))


if __name__ == "__main__":
    main(sys.argv[1:])
