"""The figures of this process, for Prometheus, without a key. Nothing personal and no partner is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from infra.telemetry.metrics import CONTENT_TYPE
from services.api.operation import ANYONE, Operation

if TYPE_CHECKING:
    from services.api.call import Call


async def get_metrics(call: Call) -> web.Response:
    text = await call.services.telemetry.text()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


OPERATIONS = (
    Operation(
        name="getMetrics",
        method="GET",
        path="/metrics",
        summary="The figures of this process, in Prometheus' text format.",
        scopes=ANYONE,
        handler=get_metrics,
        answers={200: str},
        produces="text/plain",
    ),
)
