"""What the order operations share: who sees which order, refusals as problems, answers with their headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from domain.order.expiry import expires_at
from domain.order.refusals import (
    DuplicateOrder,
    HoldsUsedTicket,
    IdentityImmutable,
    OrderGone,
    OrderInFlight,
    OrderRefusal,
    StatusForbids,
)
from domain.order.state import Absent, Draft, ExistingOrder, Order, Processing, Removed, Scheduled, Submitted
from infra.ids import uuid7
from services.api.conditions import etag
from services.api.order_answer import encode_answer, order_answer
from services.api.problems import Problem, not_found
from services.api.traced import traceparent_of
from services.api.whole_answer import WholeAnswer
from services.ordering.context import CommandContext
from services.ordering.orders import SavedOrder

if TYPE_CHECKING:
    from datetime import datetime

    from domain.partner import KnownPartner
    from services.api.call import Call
    from services.api.idempotency import FirstAnswer

JSON = "application/json"
REPLAYED = "Idempotent-Replayed"
POLL_AFTER_SECONDS = "1"


def visible(call: Call, state: Order) -> ExistingOrder:
    """The order, if it exists for the caller. Raises Problem 404, the same for every reason."""
    if isinstance(state, Absent | Removed) or not call.sees(state.order.partner_id):
        raise not_found()
    return state


def command_context(call: Call) -> CommandContext:
    return CommandContext(
        command_id=uuid7(),
        now=call.now,
        actor=call.caller.actor,
        correlation_id=call.correlation_id,
        traceparent=traceparent_of(call),
        venue_id=call.services.directory.venue_id,
    )


def problem_of_refusal(refusal: OrderRefusal) -> Problem:
    """A refusal of the domain as the contract's problem."""
    match refusal:
        case OrderGone():
            return not_found()
        case OrderInFlight() | StatusForbids() | HoldsUsedTicket():
            return Problem(refusal.code, str(refusal), members={"currentStatus": refusal.current_status})
        case DuplicateOrder():
            members = {"existingOrderId": refusal.existing_order_id}
            return Problem(refusal.code, str(refusal), members=members)
        case IdentityImmutable():
            return Problem(refusal.code, str(refusal), members={"field": refusal.field})
        case _:
            return Problem(refusal.code, str(refusal))


def expires(call: Call, state: Order, partner: KnownPartner | None = None) -> datetime | None:
    """When the order expires, where it is a Draft that will: by its partner as it is, or as the given one was."""
    if not isinstance(state, Draft):
        return None
    if partner is not None:
        return expires_at(state, partner.draft_ttl_seconds)
    return expires_at(state, call.services.directory.draft_ttl_seconds_of(state.order.partner_id))


def answered(
    call: Call, saved: SavedOrder, status: int, *, replayed: bool = False, partner: KnownPartner | None = None
) -> web.Response:
    """The order as an answer, with its ETag, and the Location of a new one.

    `partner`: as it was, where the order is shown as it was. The ETag tells of the order alone: `expiresAt`, which is
    the partner's doing, may have moved where a 304 says that the order has not.
    """
    state = saved.state
    assert not isinstance(state, Absent)  # noqa: S101 - every caller has made or found it
    headers = {"Content-Type": JSON, "ETag": etag(saved.version)}
    if status == 201:
        headers["Location"] = f"{call.services.public_url}/channelManager/{saved.order_id}"
    if replayed:
        headers[REPLAYED] = "true"
    elif call.operation.method == "GET":
        headers.update(_polling(call, state))
    body = encode_answer(order_answer(saved, state, call.services.manifest_addresses, expires(call, state, partner)))
    return WholeAnswer(status=status, body=body, headers=headers)


def unchanged(call: Call, state: ExistingOrder, version: int) -> web.Response:
    """304: the caller has the order as it stands."""
    return web.Response(status=304, headers={"ETag": etag(version), **_polling(call, state)})


def _polling(call: Call, state: Order) -> dict[str, str]:
    """For who polls an order in flight; what it was at a moment stays so."""
    in_flight = isinstance(state, Submitted | Scheduled | Processing) and call.query("asOf") is None
    return {"Retry-After": POLL_AFTER_SECONDS} if in_flight else {}


async def replay(call: Call, first: FirstAnswer) -> web.Response:
    """The first answer again: the order as the command left it."""
    loaded = await call.services.orders.load_as_of(first.order_id, first.version)
    saved = SavedOrder(loaded.order_id, loaded.state, loaded.version, call.services.orders.cipher(loaded))
    return answered(call, saved, first.status, replayed=True)
