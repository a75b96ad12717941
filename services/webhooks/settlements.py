"""The log as the publisher reads it: what settled, and which subscriptions ended, in a stretch of positions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from services.webhooks.publisher import Page, Settled

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

_STATUS: Final[Mapping[str, Literal["Issued", "Draft", "Error"]]] = {
    "order.issued.v1": "Issued",
    "order.drafted.v1": "Draft",
    "order.failed.v1": "Error",
}
_ENDED: Final = frozenset({"subscription.disabled.v1", "subscription.deleted.v1"})

# Positions have no gaps, so a stretch of positions is a page.
_STRETCH = """
select h.head, e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
from (select coalesce(max(notification_id), 0) as head from stored_events) h
left join stored_events e
    on e.notification_id > %(after)s and e.notification_id <= %(after)s::bigint + %(limit)s
    and (e.topic = any(%(settling)s) or (e.topic not like 'order.%%' and e.topic not like 'reference.%%'))
order by e.notification_id
"""


class _Order(Struct, frozen=True, rename="camel"):
    partner_id: UUID
    buy_from_order_reference: str


class _Data(Struct, frozen=True):
    order: _Order


class _Metadata(Struct, frozen=True, rename="camel"):
    occurred_at: datetime
    traceparent: str | None = None


class _SettledState(Struct, frozen=True):
    """As much of a settling event as a delivery needs: wallets and tickets are skipped undecoded."""

    metadata: _Metadata
    data: _Data


class _EndedData(Struct, frozen=True, rename="camel"):
    subscription_id: UUID


class _EndedState(Struct, frozen=True):
    data: _EndedData


_decode_settled = msgspec.json.Decoder(_SettledState).decode
_decode_ended = msgspec.json.Decoder(_EndedState).decode


class Settlements:
    """Reads the stretches that follow a position."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def page(self, after: int, limit: int) -> Page:
        """The next `limit` positions at most. Raises DatabaseUnavailable."""
        parameters = {"after": after, "limit": limit, "settling": list(_STATUS)}
        settled: list[Settled] = []
        ended: list[UUID] = []
        set_up = 0
        rows = await self._reads.rows(_STRETCH, parameters)
        for _, position, stream, version, topic, state in rows:
            if topic in _STATUS:
                settled.append(_settled(position, stream, version, topic, state))
                continue
            set_up = position or 0  # none on the one row of an empty stretch
            if topic in _ENDED:
                ended.append(_decode_ended(state).data.subscription_id)
        head = rows[0][0]
        return Page(max(min(head, after + limit), after), settled, ended, set_up)


def _settled(position: int, order_id: UUID, version: int, topic: str, state: bytes) -> Settled:
    stored = _decode_settled(state)
    return Settled(
        position=position,
        order_id=order_id,
        partner_id=stored.data.order.partner_id,
        buy_from_order_reference=stored.data.order.buy_from_order_reference,
        status=_STATUS[topic],
        occurred_at=stored.metadata.occurred_at,
        version=version,
        traceparent=stored.metadata.traceparent,
    )
