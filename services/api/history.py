"""What happened to an order, and what it was at a moment: for auditors, and for partners of their own orders."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Raw, Struct

from domain.order.state import INITIAL, Absent, ExistingOrder, Order, Removed, evolve
from infra.event_store.field_encryption import FieldCipher, open_text
from infra.event_store.leaf import leaf_hash
from infra.event_store.mapper import Actor
from services.api.call import Call
from services.api.operation import READER, Operation
from services.api.order_access import JSON, answered
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


async def order_history(call: Call) -> web.Response:
    order_id = call.uuid("orderId")
    rows, _ = await _told(call, order_id)
    if (moment := _moment(call)) is not None:
        rows = [row for row in rows if row.recorded_at <= moment]
        if not rows:
            raise not_found()
    cipher = await _cipher(call, order_id)
    events = [_event(call, row, cipher) for row in rows]
    return web.Response(body=msgspec.json.encode(events), content_type=JSON)


async def order_as_of(call: Call, order_id: UUID) -> web.Response:
    """The order after the last event recorded by `asOf`; 404 before the first and after removal."""
    rows, _ = await _told(call, order_id)
    moment = _moment(call)
    past = [row for row in rows if moment is None or row.recorded_at <= moment]
    loaded = call.services.orders.fold(order_id, past)
    if isinstance(loaded.state, Absent | Removed):
        raise not_found()
    return answered(call, SavedOrder(order_id, loaded.state, loaded.version, await _cipher(call, order_id)), 200)


async def _told(call: Call, order_id: UUID) -> tuple[list[LogRow], ExistingOrder]:
    """The order's rows and how it stands. Raises Problem 404: for a partner, of a removed order too."""
    rows = (await call.services.recorder.streams([order_id]))[order_id]
    state: Order = INITIAL
    for row in rows:
        if not row.topic.startswith("order."):
            raise not_found()  # a stream of another kind
        state = evolve(state, call.services.mapper.from_row(row.topic, row.state).data)
    if isinstance(state, Absent) or not call.sees(state.order.partner_id):
        raise not_found()
    if isinstance(state, Removed) and call.caller.partner_id is not None:
        raise not_found()
    return rows, state


def _event(call: Call, row: LogRow, cipher: FieldCipher | None) -> EventAnswer:
    stored = call.services.mapper.from_row(row.topic, row.state)
    encoder = msgspec.json.Encoder(enc_hook=lambda text: open_text(text, cipher), decimal_format="number")
    return EventAnswer(
        position=row.position,
        version=row.version,
        type=row.topic,
        occurred_at=_exact(stored.metadata.occurred_at),
        recorded_at=_exact(row.recorded_at),
        actor=stored.metadata.actor,
        correlation_id=stored.metadata.correlation_id,
        data=Raw(encoder.encode(stored.data)),
        hash=leaf_hash(row),
    )


async def _cipher(call: Call, order_id: UUID) -> FieldCipher | None:
    key = (await call.services.recorder.keys([order_id])).get(order_id)
    return call.services.keys.cipher(key) if key is not None else None


def _exact(moment: datetime) -> str:
    """With microseconds: `asOf` with what is shown here includes the event."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(call: Call) -> datetime | None:
    text = call.query("asOf")
    return None if text is None else query_moment(call, "asOf", text)


def query_moment(call: Call, name: str, text: str) -> datetime:
    """A timestamp of the query; its `+` may have become a space on the way. Raises Problem 400."""
    moment: datetime | None = None
    with suppress(msgspec.ValidationError):
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
    if moment is None or moment.tzinfo is None:
        call.query_fault(name, "bad_format", f"{name} is an RFC 3339 timestamp with a time zone.")
    return moment


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
