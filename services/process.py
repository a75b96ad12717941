"""One process of the service: its roles started, its stop ordered."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

import structlog

from infra.kafka.client_logs import spare_client_logs
from infra.logs import configure
from services.api.role import api_role, health_only, metrics_only
from services.bootstrap import Platform, platform
from services.first_catalog import publish_first_catalog
from services.issuer.role import issuer_role
from services.projector.role import projector_role
from services.secrets import OPERATOR_KEY_FILE
from services.settings import Role, SettingError, Settings
from services.webhooks.role import webhooks_role

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LONGEST_STOP_SECONDS = 9.0
GC_THRESHOLD = 20_000


async def serve(settings: Settings) -> None:
    """Run the roles until SIGTERM or SIGINT, then finish what is held and return.

    Raises SettingError, EmbeddedPostgresError, DatabaseUnavailable, UnsupportedServer, MigrationError.
    """
    configure(settings.log_level, settings.log_format)
    if settings.kafka is not None:
        spare_client_logs()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as url:
        _spare_the_collector()
        where = f" at {url}" if url is not None else ""
        print(f"channel-manager is ready{where} ({', '.join(sorted(settings.roles))})", file=sys.stderr, flush=True)
        await stop.wait()
        log.info("stopping")
        loop.call_later(LONGEST_STOP_SECONDS, _leave)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str | None]:
    """The roles at work; yields the address that they are served at, None without a port."""
    async with AsyncExitStack() as stack:
        listening = figures_listening = None
        if settings.port is not None:
            listening = stack.enter_context(_listen(settings.host, settings.port, reuse_port=settings.reuse_port))
        if settings.metrics_port is not None:
            # Never shared: each process has figures of its own.
            figures_listening = stack.enter_context(_listen(settings.host, settings.metrics_port, reuse_port=False))
        shared = await stack.enter_async_context(platform(settings))
        _show_new_operator_key(shared)
        await publish_first_catalog(shared)
        url = None
        # The other roles before the api: it stops first, and what it took is then still settled.
        for role, start in _ROLES:
            if role in settings.roles:
                await stack.enter_async_context(start(shared))
        if listening is not None:
            url = _url(listening)
            served = api_role if "api" in settings.roles else health_only
            await stack.enter_async_context(served(shared, listening, settings.public_url or url))
        if figures_listening is not None:
            own_url = _url(figures_listening)
            await stack.enter_async_context(metrics_only(shared, figures_listening, own_url))
            print(f"channel-manager shows its figures at {own_url}/metrics", file=sys.stderr, flush=True)
        yield url


def _relay_role(shared: Platform) -> AbstractAsyncContextManager[None]:
    # Kafka's client takes a sixth of a second to import, which a process without it need not wait for.
    from services.relay.role import relay_role

    return relay_role(shared)


# The relay before the issuer, which it feeds.
_ROLES: Final[Sequence[tuple[Role, Callable[[Platform], AbstractAsyncContextManager[None]]]]] = (
    ("projector", projector_role),
    ("relay", _relay_role),
    ("issuer", issuer_role),
    ("webhooks", webhooks_role),
)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _spare_the_collector() -> None:
    """What was made by now stays for good: without this, every full collection walks through all of it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)


def _leave() -> None:
    """Something does not end, a frozen database for one: what was answered is durable, and nothing else is owed."""
    log.warning("stop_cut_short", seconds=LONGEST_STOP_SECONDS)
    os._exit(0)


def _listen(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """The listening socket, before anything is started. Raises SettingError for a port in use."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingError(f"OTA_CM_HOST: {host}: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise SettingError(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    return listening


def _show_new_operator_key(shared: Platform) -> None:
    key = shared.secrets.new_operator_key
    if key is None:
        return
    file = shared.settings.data_dir / OPERATOR_KEY_FILE
    if sys.stderr.isatty():
        print(f"A new operator key, shown this once (and kept in {file}): {key}", file=sys.stderr, flush=True)
    else:
        print(f"A new operator key is in {file}", file=sys.stderr, flush=True)
