"""A span for each call of an operation, and the place in a trace that its events carry on.

What is refused unread has none: a flood of refusals must stay cheap. Nor have probes and scrapes, which need no key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from infra.telemetry.traceparent import HEADER, fresh, well_formed

if TYPE_CHECKING:
    from infra.telemetry.traces import Traces
    from services.api.call import Call
    from services.api.operation import Operation

Handle: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OWN: Final = web.RequestKey("traceparent", str)
_CORRELATION_HEADER: Final = "X-Correlation-Id"


def traceparent_of(call: Call) -> str | None:
    """What this call's events say of their trace: our own span; with traces off, what the client sent, else a new one.

    A new one because each message on the topic has one.
    """
    if call.services.traces is not None:
        return call.request.get(_OWN)
    return well_formed(call.request.headers.get(HEADER)) or fresh()


def traced(operation: Operation, traces: Traces, handle: Handle) -> Handle:
    """The same, within a span that is a child of the client's. Attributes by OpenTelemetry's conventions for HTTP.

    Without the path and the query: what stands there is the client's, and might be anything.
    """

    async def handle_within_span(request: web.Request) -> web.StreamResponse:
        span = traces.begin(
            operation.name,
            "server",
            request.headers.get(HEADER),
            {"http.request.method": request.method, "http.route": operation.path, "url.scheme": request.scheme},
        )
        request[_OWN] = span.traceparent
        try:
            response = await handle(request)
        except asyncio.CancelledError:
            span.end(error="cancelled")  # the client has gone
            raise
        span.end(
            error=str(response.status) if response.status >= 500 else None,
            attributes={
                "http.response.status_code": response.status,
                "ota_cm.correlation_id": response.headers.get(_CORRELATION_HEADER, ""),
            },
        )
        return response

    return handle_within_span
