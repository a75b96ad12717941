"""A call's span, whatever becomes of the call."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from services.api.operations import OPERATIONS
from services.api.traced import Handle, traced
from tests.spans import CLIENT, PARENT, TRACE, KeptTraces, Span, forget_settings

CREATE = next(operation for operation in OPERATIONS if operation.name == "createOrder")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptTraces:
    forget_settings(monkeypatch)
    return KeptTraces()


async def called(kept: KeptTraces, handle: Handle, **headers: str) -> Span:
    request = make_mocked_request("POST", "/channelManager?name=jane", headers=headers)
    try:
        await traced(CREATE, kept.traces, handle)(request)
    finally:
        (span,) = kept.spans
    return span


@pytest.mark.parametrize(("status", "error"), [(201, None), (409, None), (503, "503")])
async def test_its_status_is_told_and_5xx_is_an_error(kept: KeptTraces, status: int, error: str | None) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"X-Correlation-Id": "abc.1"})

    span = await called(kept, handle, traceparent=PARENT)
    assert (span.name, span.kind, span.trace_id, span.parent_id) == ("createOrder", "server", TRACE, CLIENT)
    assert span.error == error
    assert {name: value for name, value in span.attributes.items() if name != "error.type"} == {
        "http.request.method": "POST",
        "http.route": "/channelManager",
        "url.scheme": "http",
        "http.response.status_code": status,
        "ota_cm.correlation_id": "abc.1",
    }


async def test_a_client_that_has_gone(kept: KeptTraces) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await called(kept, handle)
    assert kept.spans[0].error == "cancelled"
