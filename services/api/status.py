"""How the service stands, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from services.api.operation import OPERATOR, Operation
from services.status import Status

if TYPE_CHECKING:
    from services.api.call import Call


async def get_status(call: Call) -> web.Response:
    status = (await call.services.status.read()).status
    return web.Response(body=msgspec.json.encode(status), content_type="application/json")


OPERATIONS = (
    Operation(
        name="getStatus",
        method="GET",
        path="/admin/status",
        summary="Lag of each consumer, orders in flight, dead deliveries, parked events.",
        scopes=OPERATOR,
        handler=get_status,
        answers={200: Status},
    ),
)
