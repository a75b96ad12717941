"""What happened to an order, and what it was at a moment: for auditors, and for partners of their own orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Raw, Struct

from domain.order.events import OrderEvent
from domain.order.state import INITIAL, Absent, Order, Removed, evolve
from domain.partner import INITIAL as NO_PARTNER
from domain.partner import KnownPartner, Partner
from domain.partner import evolve as evolve_partner
from domain.streams import partner_stream
from infra.event_store.field_encryption import FieldCipher, open_text
from infra.event_store.leaf import leaf_hash
from infra.event_store.mapper import Actor, StoredState
from infra.event_store.topics import is_of_order
from services.api.call import Call
from services.api.conditions import is_unchanged
from services.api.moments import query_moment
from services.api.operation import READER, Operation
from services.api.order_access import JSON, answered, unchanged
from services.api.problems import not_found
from services.ordering.orders import SavedOrder

if TYPE_CHECKING:
    from infra.event_store.recorder import LogRow


class EventAnswer(Struct, frozen=True, rename="camel"):
    """One event of an order. `hash`: the base64 RFC 6962 leaf hash of its log entry."""

    position: int
    version: int
    type: str
    occurred_at: str
    recorded_at: str
    actor: Actor
    correlation_id: str
    data: Raw
    hash: str


class _Told(NamedTuple):
    """An event of the order: as stored, and as read."""

    row: LogRow
    stored: StoredState[OrderEvent]


async def order_history(call: Call) -> web.Response:
    order_id = call.uuid("orderId")
    history = await _history(call, order_id)
    if (moment := query_moment(call, "asOf")) is not None:
        history = [told for told in history if told.row.recorded_at <= moment]
        if not history:
            raise not_found()
    cipher = await _cipher(call, order_id)
    encode = msgspec.json.Encoder(enc_hook=lambda text: open_text(text, cipher), decimal_format="number").encode
    return web.Response(body=msgspec.json.encode([_event(told, encode) for told in history]), content_type=JSON)


async def order_as_of(call: Call, order_id: UUID) -> web.Response:
    """The order after the last event recorded by `asOf`; 404 before the first and after removal."""
    history = await _history(call, order_id)
    moment = query_moment(call, "asOf")
    past = [told for told in history if moment is None or told.row.recorded_at <= moment]
    state = _state(past)
    if isinstance(state, Absent | Removed):
        raise not_found()
    version = len(past)
    if is_unchanged(call.request.headers, version):
        return unchanged(call, state, version)
    partner = await _partner_as_of(call, state.order.partner_id, moment) if moment is not None else None
    return answered(call, SavedOrder(order_id, state, version, await _cipher(call, order_id)), 200, partner=partner)


async def _history(call: Call, order_id: UUID) -> list[_Told]:
    """The order's events. Raises Problem 404: for a partner, of a removed order too."""
    rows = (await call.services.recorder.streams([order_id]))[order_id]
    if not all(is_of_order(row.topic) for row in rows):
        raise not_found()  # a stream of another kind
    history = [_Told(row, call.services.mapper.from_row(row.topic, row.state)) for row in rows]
    state = _state(history)
    if isinstance(state, Absent) or not call.sees(state.order.partner_id):
        raise not_found()
    if isinstance(state, Removed) and call.caller.partner_id is not None:
        raise not_found()
    return history


async def _partner_as_of(call: Call, partner_id: UUID, moment: datetime) -> KnownPartner | None:
    stream = partner_stream(partner_id)
    partner: Partner = NO_PARTNER
    for row in (await call.services.recorder.streams([stream]))[stream]:
        if row.recorded_at <= moment:
            partner = evolve_partner(partner, call.services.mapper.from_row(row.topic, row.state).data)
    return partner if isinstance(partner, KnownPartner) else None


def _state(history: Iterable[_Told]) -> Order:
    state: Order = INITIAL
    for told in history:
        state = evolve(state, told.stored.data)
    return state


def _event(told: _Told, encode: Callable[[object], bytes]) -> EventAnswer:
    row, metadata = told.row, told.stored.metadata
    return EventAnswer(
        position=row.position,
        version=row.version,
        type=row.topic,
        occurred_at=_exact(metadata.occurred_at),
        recorded_at=_exact(row.recorded_at),
        actor=metadata.actor,
        correlation_id=metadata.correlation_id,
        data=Raw(encode(told.stored.data)),
        hash=leaf_hash(row),
    )


async def _cipher(call: Call, order_id: UUID) -> FieldCipher | None:
    key = (await call.services.recorder.keys([order_id])).get(order_id)
    return call.services.keys.cipher(key) if key is not None else None


def _exact(moment: datetime) -> str:
    """With microseconds: `asOf` with what is shown here includes the event."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


OPERATIONS = (
    Operation(
        name="getOrderHistory",
        method="GET",
        path="/channelManager/{orderId}/history",
        summary="The order's events, oldest first.",
        scopes=READER,
        handler=order_history,
        answers={200: list[EventAnswer]},
    ),
)
