"""The HTTP client that deliveries go out with: guarded, without redirects, cookies, proxies or a common limit."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from threading import Thread
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from services.webhooks.address_guard import Network, guarded_socket

ATTEMPT_SECONDS: Final = 15.0
_LOOKUPS_AT_ONCE: Final = 64
# Below the idle time of common servers (5 s and up): a connection that the server closes just as it is used again would
# cost the delivery an attempt.
_KEEP_ALIVE_SECONDS: Final = 4.0

_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]


class OwnThreadsResolver(AbstractResolver):
    """Looks each name up in a thread of its own, which ends with the process if it still waits then.

    A look-up whose name server is dead holds its thread for many seconds. In the loop's few shared threads some such
    endpoints would make every other one wait, and the process's end too. (A name that many wait for is asked for once.)
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError (gaierror) where there are none."""
        async with self._free:
            loop = asyncio.get_running_loop()
            found: asyncio.Future[list[_Found]] = loop.create_future()
            Thread(target=_look_up, args=(loop, found, host, port, family), daemon=True).start()
            addresses = await found
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in addresses
            if kind in (socket.AF_INET, socket.AF_INET6)
        ]

    async def close(self) -> None:
        """Nothing to close: a thread ends with its look-up."""


def _look_up(
    loop: asyncio.AbstractEventLoop,
    found: asyncio.Future[list[_Found]],
    host: str,
    port: int,
    family: socket.AddressFamily,
) -> None:
    addresses: list[_Found] = []
    fault: OSError | None = None
    try:
        addresses = list(socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
    except OSError as error:
        fault = error
    except UnicodeError as error:  # a label that is empty or too long
        fault = OSError(f"not a host name: {error}")

    def tell() -> None:
        if found.done():
            return
        if fault is not None:
            found.set_exception(fault)
        else:
            found.set_result(addresses)

    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(tell)


def open_session(
    allowed_networks: Iterable[Network],
    *,
    user_agent: str = "OTA-Channel-Manager",
    attempt_seconds: float = ATTEMPT_SECONDS,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    """A client session for deliveries, to be closed by the caller; needs a running loop.

    The number of connections is bounded by who sends, endpoint by endpoint, not here: with a common limit, endpoints
    that hang would take the places of all others. The environment's proxies are not used: behind a proxy nobody could
    check the address.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        resolver=resolver if resolver is not None else OwnThreadsResolver(),
        socket_factory=guarded_socket(allowed_networks),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"content-type": "application/json", "user-agent": user_agent},
        skip_auto_headers=("accept", "accept-encoding"),
        auto_decompress=False,
        raise_for_status=False,
        trust_env=False,
        # Above `ceil_threshold` aiohttp rounds up to whole seconds.
        timeout=aiohttp.ClientTimeout(total=attempt_seconds, ceil_threshold=attempt_seconds + 1),
    )
