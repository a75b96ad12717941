"""reprocess, for operators: an order in Error is issued again, as it is.

Where the contract is silent: it is the operator's own act, so it works for a disabled partner too, whose order was
accepted once; it brings work, and is refused like createOrder while issuance is too far behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.order.decide import reprocess
from domain.order.events import OrderEvent
from domain.order.refusals import OrderRefusal
from services.api.conditions import ensure_matches
from services.api.operation import OPERATOR, Operation
from services.api.order_access import answered, command_context, problem_of_refusal, visible
from services.api.order_answer import OrderAnswer

if TYPE_CHECKING:
    from aiohttp import web

    from services.api.call import Call
    from services.ordering.orders import LoadedOrder


async def reprocess_order(call: Call) -> web.Response:
    def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
        order = visible(call, loaded.state)
        ensure_matches(call.request.headers, loaded.version)
        events = reprocess(order)
        call.services.admission.ensure_open()
        return events

    try:
        saved = await call.services.ordering.handle(call.uuid("orderId"), decision, command_context(call))
    except OrderRefusal as refusal:
        raise problem_of_refusal(refusal) from refusal
    return answered(call, saved, 200)


OPERATIONS = (
    Operation(
        name="reprocessOrder",
        method="POST",
        path="/admin/orders/{orderId}/reprocess",
        summary="Issue an order in Error again, as it is.",
        scopes=OPERATOR,
        handler=reprocess_order,
        brings_work=True,
        answers={200: OrderAnswer},
        problems=("order_in_flight", "invalid_status", "precondition_failed"),
    ),
)
