"""An OpenTelemetry collector, a process of its own: `python -m tests.e2e.collector`.

Takes spans as OTLP over HTTP; `GET /spans` tells them, with the resource of the process that sent each.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.bench.serving import serve_until_stopped

_PROTOBUF = "application/x-protobuf"


class Collection:
    """What has arrived, in order."""

    def __init__(self) -> None:
        self._spans: list[dict[str, Any]] = []

    async def take(self, request: web.Request) -> web.Response:
        if request.content_type != _PROTOBUF:
            return web.Response(status=415)
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for of_process in sent.resource_spans:
            resource = _plain(of_process.resource.attributes)
            for of_scope in of_process.scope_spans:
                self._spans += [_told(span, resource) for span in of_scope.spans]
        return web.Response(body=ExportTraceServiceResponse().SerializeToString(), content_type=_PROTOBUF)

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self._spans)


def _told(span: Span, resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "links": [link.trace_id.hex() for link in span.links],
        "attributes": _plain(span.attributes),
        "resource": resource,
    }


def _plain(attributes: list[KeyValue]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}


async def serve() -> None:
    collection = Collection()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/traces", collection.take), web.get("/spans", collection.tell)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await serve_until_stopped(runner.addresses[0][1])
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
