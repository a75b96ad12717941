"""The role: the HTTP contract served on a port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from projections.order_list import OrderList
from projections.orders import OrderReader
from services.api import health
from services.api.admission import Admission
from services.api.app import application
from services.api.arrival import Connection
from services.api.authentication import Authentication
from services.api.idempotency import Idempotency
from services.api.operations import OPERATIONS
from services.api.readiness import Readiness
from services.api.services import Services
from services.bootstrap import now
from services.status import StatusReport

if TYPE_CHECKING:
    import socket

    from services.api.operation import Operation
    from services.bootstrap import Platform

KEEP_ALIVE_SECONDS = 75.0
STOP_SECONDS = 4.0


def api_services(platform: Platform, public_url: str) -> Services:
    """What the operations work with."""
    settings = platform.settings
    return Services(
        now=now,
        public_url=public_url,
        max_wallets=settings.max_wallets,
        webhook_allows_http=settings.webhook_allow_http,
        authentication=Authentication(platform.directory, platform.secrets.operator_key_hash),
        idempotency=Idempotency(platform.reads, platform.secrets.idempotency),
        admission=Admission(platform.in_flight, settings.max_backlog_seconds, now=now),
        readiness=Readiness(platform.reads, platform.dsn),
        directory=platform.directory,
        reads=platform.reads,
        recorder=platform.recorder,
        mapper=platform.mapper,
        keys=platform.secrets.key_ring,
        orders=platform.orders,
        order_reader=OrderReader(platform.reads, platform.mapper),
        order_list=OrderList(platform.reads),
        ordering=platform.ordering,
        setup=platform.setup,
        issuer=platform.issuer,
        status=StatusReport(platform.reads, platform.in_flight, now=now),
    )


@asynccontextmanager
async def api_role(platform: Platform, listening: socket.socket, public_url: str) -> AsyncIterator[None]:
    """Serves every operation until left; requests under way are answered first."""
    services = api_services(platform, public_url)
    watching = platform.tasks.run("admission", services.admission.watch)
    pruning = platform.tasks.run("idempotency_pruning", services.idempotency.prune)
    async with _served(services, OPERATIONS, platform.settings.public_path, listening):
        yield
    await platform.tasks.end(watching, pruning)


@asynccontextmanager
async def health_only(platform: Platform, listening: socket.socket, public_url: str) -> AsyncIterator[None]:
    """What a process without the role `api` serves where it was given a port."""
    async with _served(api_services(platform, public_url), health.OPERATIONS, "", listening):
        yield


@asynccontextmanager
async def _served(
    services: Services, operations: Sequence[Operation], public_path: str, listening: socket.socket
) -> AsyncIterator[None]:
    runner = web.AppRunner(
        application(operations, services, public_path), handle_signals=False, shutdown_timeout=STOP_SECONDS
    )
    await runner.setup()
    loop = asyncio.get_running_loop()
    connection = partial(
        Connection,
        runner.server,
        loop=loop,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        auto_decompress=False,
    )
    server = await loop.create_server(connection, sock=listening, backlog=1024)
    try:
        yield
    finally:
        services.readiness.stop()
        server.close()
        await runner.cleanup()
