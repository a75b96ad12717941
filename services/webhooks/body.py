"""The body of a delivery, rendered once: the same bytes go out on every attempt."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.json import Encoder

from domain.subscription import Subscriber


class _Payload(Struct, rename="camel"):
    order_id: UUID
    buy_from_order_reference: str
    status: str


class _Notification(Struct, rename="camel", omit_defaults=True, kw_only=True):
    event_name: str
    event_version: str
    client_state: str | None = None
    app_id: str | None = None
    company_id: str | None = None
    company_name: str | None = None
    timestamp: str
    payload: _Payload


class _Body(Struct):
    value: tuple[_Notification]


_encode: Final = Encoder().encode


def render_body(
    subscriber: Subscriber,
    *,
    event_name: str,
    at: datetime,
    order_id: UUID,
    buy_from_order_reference: str,
    status: str,
) -> str:
    """JSON, its members in the contract's order; what the subscriber did not give is absent."""
    notification = _Notification(
        event_name=event_name,
        event_version=subscriber.event_version,
        client_state=subscriber.client_state,
        app_id=subscriber.app_id,
        company_id=subscriber.company_id,
        company_name=subscriber.company_name,
        timestamp=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
        payload=_Payload(order_id=order_id, buy_from_order_reference=buy_from_order_reference, status=status),
    )
    return _encode(_Body(value=(notification,))).decode()
