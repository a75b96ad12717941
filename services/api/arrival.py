"""How a request arrives: whole, in time, of a size and type that is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import structlog
from aiohttp import web

from services.api.problems import Problem

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

log = structlog.get_logger()

MAX_BODY_BYTES = 1024 * 1024
ARRIVAL_SECONDS = 30.0
"""From a request's first byte to its last."""

MAX_CONNECTIONS = 5000
"""At once; one more is closed. Each holds up to 30 KiB, so that all of them fit into the memory that is allowed."""

JSON = "application/json"
Refuse: TypeAlias = Callable[[bytes], bytes | None]

_UNENCODED = frozenset({"", "identity"})


class Connection(web.RequestHandler):
    """A client's connection: a request whose head does not arrive in time closes it; what is no HTTP is a problem.

    aiohttp times only connections on which nothing happens. Whether a head is whole, it tells in attributes of its own.
    `refuse`: the whole answer to what may be refused unread, else None. `opened`: where all of this port are noted.
    """

    __slots__ = ("_begun", "_closing", "_opened", "_refuse", "begun")

    def __init__(self, *args: Any, opened: set[Connection], refuse: Refuse | None = None, **options: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(*args, **options)
        self._opened = opened
        self._refuse = refuse
        self.begun = self._loop.time()
        """When the first byte of the newest request came, on the loop's clock."""
        self._begun: float | None = None
        self._closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opened.add(self)
        if len(self._opened) > MAX_CONNECTIONS:
            self.force_close()

    def data_received(self, data: bytes) -> None:
        if self._refuse is not None and (refusal := self._refuse(data)) is not None and self._at_rest():
            assert self.transport is not None  # noqa: S101 - data came over it
            self.transport.write(refusal)
            self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout
            return
        now = self._loop.time()
        heads = self._request_count
        super().data_received(data)
        if self._request_count > heads:
            self.begun = now if self._begun is None else self._begun
            self._head_ended()
        elif data and self._begun is None and self._between_requests():
            self._begun = now
            self._closing = self._loop.call_at(now + ARRIVAL_SECONDS, self._close_unless_arrived)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks at each body that was read, whether it was paused or not: a fortieth of createOrder."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._opened.discard(self)
        self._head_ended()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it may repeat a header, so a key
    ) -> web.StreamResponse:
        """The answer to what aiohttp could not read, or to what escaped our own handlers; the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way already")
        correlation_id = uuid4().hex
        if status == 400:
            problem = Problem("malformed_request", "The request is not HTTP/1.1, or its line or a header is too long.")
        else:
            log.error("request_failed", exc_info=exc, correlation_id=correlation_id)
            problem = internal_error(correlation_id)
        response = problem.response()
        response.headers["X-Correlation-Id"] = correlation_id
        response.force_close()
        return response

    def _between_requests(self) -> bool:
        return self._request_count == 0 or (self._waiter is not None and not self._waiter.done())

    def _at_rest(self) -> bool:
        """Nothing is under way: what comes now is the start of a request, and what is written now its answer."""
        closing = self._force_close or self._close
        return self._begun is None and self._between_requests() and not closing and not self._paused

    def _close_unless_arrived(self) -> None:
        if self._between_requests():
            self.force_close()

    def _head_ended(self) -> None:
        self._begun = None
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def internal_error(correlation_id: str) -> Problem:
    detail = "Something went wrong on our side; nothing is known to have changed. Give us the correlationId."
    return Problem("internal_error", detail, members={"correlationId": correlation_id})


async def body_of(request: web.Request) -> bytes:
    """The body whole. Raises Problem 400, 408, 413, 415."""
    if not request.body_exists:
        return b""
    if request.content.is_eof():  # it came with the head, as most do: nothing to wait for
        body = request.content.read_nowait()
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        _ensure_json(request)
        return body
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise _too_large()
    _ensure_json(request)
    try:
        async with asyncio.timeout_at(_begun(request) + ARRIVAL_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except TimeoutError:
        problem = Problem("request_timeout", f"The request did not arrive whole within {ARRIVAL_SECONDS:g} s.")
        problem.ends_connection = True
        raise problem from None
    except (web.RequestPayloadError, ConnectionError):
        # Chunks that are none; or the client has gone, and nobody reads this.
        problem = Problem("malformed_request", "The body did not arrive whole.")
        problem.ends_connection = True
        raise problem from None


def _begun(request: web.Request) -> float:
    protocol = request.protocol
    return protocol.begun if isinstance(protocol, Connection) else asyncio.get_running_loop().time()


def _ensure_json(request: web.Request) -> None:
    sent_as = request.headers.get("Content-Type")
    if sent_as != JSON and (sent_as is None or request.content_type != JSON):
        raise Problem(
            "unsupported_media_type",
            f"Send the body as {JSON}.",
            members={"accepted": [JSON]},
            headers={"Accept": JSON},
        )
    if request.headers.get("Content-Encoding", "").strip().lower() not in _UNENCODED:
        # A few compressed bytes could be a thousand times as many.
        raise Problem(
            "unsupported_media_type",
            "Send the body without a Content-Encoding.",
            members={"accepted": [JSON]},
            headers={"Accept": JSON, "Accept-Encoding": "identity"},
        )


def _too_large() -> Problem:
    problem = Problem("payload_too_large", "A body has at most 1 MiB.")
    problem.ends_connection = True  # the rest of the body is not read
    return problem
