"""The order operations: create, get, replace, confirm, cancel. Each reads in the order of the contract's checks."""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web
from msgspec import Struct

from domain.issuance.issuer import IssuerAway
from domain.order.body import OrderBody
from domain.order.commands import ConfirmOrder, ReplaceOrder, SubmitOrder
from domain.order.content import OrderIdentity
from domain.order.decide import cancel, confirm, confirmable, replace, replaceable
from domain.order.events import OrderEvent
from domain.order.refusals import OrderRefusal
from domain.order.state import INITIAL, Draft, Issued
from domain.reading import FilledText50, MalformedJson, Reader, Reading
from domain.references import REFERENCE_RANDOM_BYTES, buy_from_order_reference
from infra.ids import uuid7
from services.api.call import parse_uuid
from services.api.conditions import ensure_matches, is_unchanged
from services.api.history import order_as_of
from services.api.idempotency import FirstAnswer
from services.api.operation import PARTNER, READER, Operation
from services.api.order_access import answered, command_context, problem_of_refusal, replay, unchanged, visible
from services.api.order_answer import OrderAnswer
from services.api.problems import Problem, not_found, validation_failed
from services.api.submission import (
    ORDER_BODY,
    accepted_content,
    ensure_may_order_for,
    ensure_not_disabled,
    look_before_refusing,
)
from services.issuer.patience import answered as answered_by_issuer
from services.ordering.ordering import KeyUse, KeyUsedMeanwhile
from services.ordering.orders import LoadedOrder, SavedOrder
from services.phases import together

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from services.api.call import Call


class ConfirmBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What confirmOrder asks for."""

    payment_reference: FilledText50


CONFIRM_BODY = Reader(ConfirmBody)


async def create_order(call: Call) -> web.Response:
    reading = ORDER_BODY.read(call.body)
    await ensure_may_order_for(call, reading)
    async with call.services.idempotency.use(call, 201) as use:
        if isinstance(use, FirstAnswer):
            return await replay(call, use)
        await together()
        content = await accepted_content(call, reading, None)
        await together()
        if isinstance(content, Problem):
            raise content
        call.services.admission.ensure_open()
        order = OrderIdentity(
            partner_id=reading.value.partner_id,
            sell_to_order_reference=reading.value.sell_to_order_reference,
            buy_from_order_reference=buy_from_order_reference(urandom(REFERENCE_RANDOM_BYTES)),
            received_at=call.now.replace(microsecond=call.now.microsecond // 1000 * 1000),
        )
        submitted = call.services.ordering.submit(uuid7(), SubmitOrder(order, content), command_context(call), use)
        return await _settle(call, submitted, use, 201)


async def get_order(call: Call) -> web.Response:
    order_id = call.uuid("orderId")
    if call.query("asOf") is not None:
        return await order_as_of(call, order_id)
    found = await call.services.order_reader.get(order_id)
    if found is None:
        raise not_found()
    visible(call, found.state)
    if is_unchanged(call.request.headers, found.version):
        return unchanged(call, found.state, found.version)
    cipher = call.services.keys.cipher(found.key) if found.key is not None else None
    return answered(call, SavedOrder(order_id, found.state, found.version, cipher), 200)


async def replace_order(call: Call) -> web.Response:
    reading = ORDER_BODY.read(call.body)
    async with call.services.idempotency.use(call, 200) as use:
        if isinstance(use, FirstAnswer):
            return await replay(call, use)
        order_id = call.uuid("orderId")
        current = visible(call, (await call.services.orders.load_one(order_id)).state)
        content = await accepted_content(call, reading, current.order.partner_id)
        await look_before_refusing(call, current.order.partner_id)

        def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
            order = visible(call, loaded.state)
            ensure_not_disabled(call, order.order.partner_id)
            ensure_matches(call.request.headers, loaded.version)
            replaceable(order)
            if isinstance(content, Problem):
                raise content
            body = reading.value
            events = replace(order, ReplaceOrder(body.partner_id, body.sell_to_order_reference, content))
            call.services.admission.ensure_open()
            return events

        return await _settle(
            call, call.services.ordering.handle(order_id, decision, command_context(call), use), use, 200
        )


async def confirm_order(call: Call) -> web.Response:
    reading = await _confirmation(call)
    async with call.services.idempotency.use(call, 200) as use:
        if isinstance(use, FirstAnswer):
            return await replay(call, use)
        order_id = call.uuid("orderId")

        def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
            order = visible(call, loaded.state)
            ensure_matches(call.request.headers, loaded.version)
            if isinstance(confirmable(order), Issued):
                return []
            if reading is None:
                raise MalformedJson
            if reading.faults:
                raise validation_failed(reading.report())
            return confirm(order, ConfirmOrder(reading.value.payment_reference))

        async def confirm_outside(loaded: LoadedOrder) -> None:
            if isinstance(loaded.state, Draft):
                await _confirmed_by_issuer(call, loaded.state.issuance.job_id)

        handled = call.services.ordering.handle(
            order_id, decision, command_context(call), use, before_save=confirm_outside
        )
        return await _settle(call, handled, use, 200)


async def cancel_order(call: Call) -> web.Response:
    async with call.services.idempotency.use(call, 200) as use:
        if isinstance(use, FirstAnswer):
            return await replay(call, use)
        order_id = call.uuid("orderId")

        def decision(loaded: LoadedOrder) -> Sequence[OrderEvent]:
            order = visible(call, loaded.state)
            ensure_matches(call.request.headers, loaded.version)
            return cancel(order)

        return await _settle(
            call, call.services.ordering.handle(order_id, decision, command_context(call), use), use, 200
        )


async def _settle(call: Call, saving: Awaitable[SavedOrder], use: KeyUse | None, status: int) -> web.Response:
    """The saved order as the answer; a refusal as a problem; where the key was used meanwhile, its first answer."""
    try:
        return answered(call, await saving, status)
    except (OrderRefusal, Problem) as refusal:
        # What refuses it may be the very change that it asked for, made on another instance since we looked.
        if (first := await _first_answer(call, use)) is not None:
            return await replay(call, first)
        if isinstance(refusal, Problem):
            raise
        raise problem_of_refusal(refusal) from refusal
    except KeyUsedMeanwhile:
        first = await _first_answer(call, use)
        if first is None:  # it ran out of its 24 hours this very moment
            raise Problem("request_in_progress", "The first request with this Idempotency-Key just ended.") from None
        return await replay(call, first)


async def _first_answer(call: Call, use: KeyUse | None) -> FirstAnswer | None:
    return await call.services.idempotency.first_answer(use) if use is not None else None


async def _confirmation(call: Call) -> Reading[ConfirmBody] | None:
    """The body; None where it is not JSON and is not read: of an order that is Issued, or was when it was answered."""
    try:
        return CONFIRM_BODY.read(call.body)
    except MalformedJson:
        order_id = parse_uuid(call.request.match_info["orderId"])
        state = (await call.services.orders.load_one(order_id)).state if order_id is not None else INITIAL
        if isinstance(state, Issued) and call.sees(state.order.partner_id):
            return None
        if await call.services.idempotency.was_answered(call):
            return None
        raise


async def _confirmed_by_issuer(call: Call, job_id: UUID) -> None:
    try:
        await answered_by_issuer(call.services.issuer.confirm(job_id))
    except IssuerAway:
        detail = "The venue's ticketing system cannot be reached: the order is still a Draft. Try again."
        raise Problem("unavailable", detail) from None


RETRIES = ("request_in_progress", "idempotency_key_reused")

OPERATIONS = (
    Operation(
        name="createOrder",
        method="POST",
        path="/channelManager",
        summary="Take an order: it is answered at once with Submitted, and issued in the background.",
        scopes=PARTNER,
        handler=create_order,
        body=OrderBody,
        changes=True,
        brings_work=True,
        answers={201: OrderAnswer},
        problems=("duplicate_order", *RETRIES),
    ),
    Operation(
        name="getOrder",
        method="GET",
        path="/channelManager/{orderId}",
        summary="The order as of the last commit, or as it was (`asOf`).",
        scopes=READER,
        handler=get_order,
        answers={200: OrderAnswer, 304: None},
    ),
    Operation(
        name="replaceOrder",
        method="PUT",
        path="/channelManager/{orderId}",
        summary="Replace a Draft or an order in Error: the old assets are destroyed, and it is issued anew.",
        scopes=PARTNER,
        handler=replace_order,
        body=OrderBody,
        changes=True,
        brings_work=True,
        answers={200: OrderAnswer},
        problems=("order_in_flight", "invalid_status", "immutable_field", "precondition_failed", *RETRIES),
    ),
    Operation(
        name="confirmOrder",
        method="POST",
        path="/channelManager/{orderId}/confirm",
        summary="Make a Draft valid.",
        scopes=PARTNER,
        handler=confirm_order,
        body=ConfirmBody,
        changes=True,
        answers={200: OrderAnswer},
        problems=("order_in_flight", "invalid_status", "precondition_failed", *RETRIES),
    ),
    Operation(
        name="cancelOrder",
        method="DELETE",
        path="/channelManager/{orderId}",
        summary="Cancel an Issued order, or remove a Draft or an order in Error.",
        scopes=PARTNER,
        handler=cancel_order,
        changes=True,
        answers={200: OrderAnswer},
        problems=("order_in_flight", "ticket_used", "precondition_failed", *RETRIES),
    ),
)
