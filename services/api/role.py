"""The role: the HTTP contract served on a port."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from projections.allotments import AllotmentRows
from projections.order_list import OrderList
from projections.orders import OrderReader
from projections.shown_numbers import ShownNumbers
from services.api import health, metrics
from services.api.admission import Admission
from services.api.app import application, places
from services.api.arrival import MAX_CONNECTIONS, Connection, Refuse
from services.api.authentication import Authentication
from services.api.gate.guess_limit import GuessLimit
from services.api.idempotency import Idempotency
from services.api.operations import OPERATIONS
from services.api.readiness import Readiness
from services.api.refused_unread import RefusedUnread
from services.api.services import Services
from services.bootstrap import now
from services.feeds import backlog_of
from services.manifests.press import Press
from services.manifests.printers import Printers
from services.manifests.tokens import ManifestAddresses, ManifestTokens

if TYPE_CHECKING:
    import socket

    from services.api.operation import Operation
    from services.bootstrap import Platform

KEEP_ALIVE_SECONDS = 75.0
STOP_SECONDS = 4.0
OPEN_FILES = MAX_CONNECTIONS + 1000

ACCEPT_BACKLOG = 4096
"""Connections that wait to be accepted; past it the kernel drops their first packets, and clients wait a second."""


def api_services(platform: Platform, public_url: str) -> Services:
    """What the operations work with."""
    settings = platform.settings
    tokens = ManifestTokens(platform.secrets.manifests)
    return Services(
        now=now,
        public_url=public_url,
        max_wallets=settings.max_wallets,
        webhook_allows_http=settings.webhook_allow_http,
        authentication=Authentication(platform.directory, platform.secrets.operator_key_hash),
        idempotency=Idempotency(platform.reads, platform.secrets.idempotency),
        admission=Admission(backlog_of(platform), settings.max_backlog_seconds, pickup_seconds=settings.pickup_seconds),
        readiness=Readiness(platform.reads, platform.dsn),
        requests=platform.requests,
        directory=platform.directory,
        reads=platform.reads,
        recorder=platform.recorder,
        mapper=platform.mapper,
        keys=platform.secrets.key_ring,
        orders=platform.orders,
        order_reader=OrderReader(platform.reads, platform.mapper),
        order_list=OrderList(platform.reads),
        allotments=AllotmentRows(platform.reads),
        shown_numbers=ShownNumbers(platform.reads),
        guess_limit=GuessLimit(),
        manifest_addresses=ManifestAddresses(public_url, tokens),
        manifest_tokens=tokens,
        press=Press(),
        printers=Printers(),
        ordering=platform.ordering,
        setup=platform.setup,
        issuer=platform.issuer,
        status=platform.status,
        telemetry=platform.telemetry,
        traces=platform.traces,
    )


@asynccontextmanager
async def api_role(platform: Platform, listening: socket.socket, public_url: str) -> AsyncIterator[None]:
    """Serves every operation until left; requests under way are answered first."""
    services = api_services(platform, public_url)
    operations = _operations(platform, OPERATIONS)
    watching = platform.tasks.run("admission", services.admission.watch)
    pruning = platform.tasks.run("idempotency_pruning", services.idempotency.prune)
    shown = platform.telemetry.shown
    with shown(services.admission.families), shown(services.guess_limit.families):
        public_path = platform.settings.public_path
        refuse = _refused_unread(services, operations, public_path)
        async with _served(services, operations, public_path, listening, refuse):
            yield
    await platform.tasks.end(watching, pruning)


@asynccontextmanager
async def health_only(platform: Platform, listening: socket.socket, public_url: str) -> AsyncIterator[None]:
    """What a process without the role `api` serves where it was given a port."""
    operations = _operations(platform, (*health.OPERATIONS, *metrics.OPERATIONS))
    async with _served(api_services(platform, public_url), operations, platform.settings.public_path, listening):
        yield


@asynccontextmanager
async def metrics_only(platform: Platform, listening: socket.socket, public_url: str) -> AsyncIterator[None]:
    """The figures on a port of their own, whatever the roles."""
    async with _served(api_services(platform, public_url), metrics.OPERATIONS, "", listening):
        yield


def _operations(platform: Platform, operations: Sequence[Operation]) -> Sequence[Operation]:
    """Without the figures where they have a port of their own: partners need not read them."""
    if platform.settings.metrics_port is None:
        return operations
    return [operation for operation in operations if operation not in metrics.OPERATIONS]


def _refused_unread(services: Services, operations: Sequence[Operation], public_path: str) -> RefusedUnread:
    create = next(operation for operation in operations if operation.name == "createOrder")
    return RefusedUnread(
        create,
        places(create.path, public_path),
        services.admission,
        services.authentication,
        services.requests.of(create.name),
    )


def _allow_open_files() -> None:
    """Each connection is one, and a shell gives a process 1024 of them where it may have many times as many."""
    given, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if given < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@asynccontextmanager
async def _served(
    services: Services,
    operations: Sequence[Operation],
    public_path: str,
    listening: socket.socket,
    refuse: Refuse | None = None,
) -> AsyncIterator[None]:
    runner = web.AppRunner(
        application(operations, services, public_path), handle_signals=False, shutdown_timeout=STOP_SECONDS
    )
    await runner.setup()
    _allow_open_files()
    loop = asyncio.get_running_loop()
    connection = partial(
        Connection,
        runner.server,
        opened=set(),
        refuse=refuse,
        loop=loop,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        auto_decompress=False,
    )
    server = await loop.create_server(connection, sock=listening, backlog=ACCEPT_BACKLOG)
    try:
        yield
    finally:
        services.readiness.stop()
        server.close()
        await runner.cleanup()
