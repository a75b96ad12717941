"""Whether the process lives, and whether it can work: for load balancers and orchestrators, without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web
from msgspec import Struct

from services.api.operation import ANYONE, Operation

if TYPE_CHECKING:
    from services.api.call import Call


class HealthAnswer(Struct, frozen=True, omit_defaults=True):
    """`reason`: why it is not ready."""

    status: str
    reason: str | None = None


async def healthz(call: Call) -> web.Response:  # noqa: ARG001 - a handler's form
    return _answer(200, HealthAnswer("ok"))


async def readyz(call: Call) -> web.Response:
    reason = await call.services.readiness.why_not()
    return _answer(200, HealthAnswer("ready")) if reason is None else _answer(503, HealthAnswer("not ready", reason))


def _answer(status: int, answer: HealthAnswer) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(answer), content_type="application/json")


OPERATIONS = (
    Operation(
        "getHealth", "GET", "/healthz", "Whether the process lives.", ANYONE, healthz, answers={200: HealthAnswer}
    ),
    Operation(
        "getReadiness",
        "GET",
        "/readyz",
        "Whether the process can work.",
        ANYONE,
        readyz,
        answers={200: HealthAnswer, 503: HealthAnswer},
    ),
)
