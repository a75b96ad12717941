"""An order that settled, and subscriptions that hear of it, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from domain.personal import SigningSecret
from domain.subscription import Active, Disabled, Subscriber
from projections.directory import Subscribed
from services.webhooks.publisher import Settled

PARTNER, ANOTHER = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"), UUID(int=77)
ORDER = UUID("9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8")


def settled(position: int = 10, *, order_id: UUID = ORDER, version: int = 4, partner_id: UUID = PARTNER) -> Settled:
    return Settled(
        position=position,
        order_id=order_id,
        partner_id=partner_id,
        buy_from_order_reference="CM-7KQ2M-9XD4T-8HF2",
        status="Issued",
        occurred_at=datetime(2026, 11, 23, 10, 15, 31, 999, UTC),
        version=version,
    )


def subscriber(partner_id: UUID = PARTNER, **given: str) -> Subscriber:
    return Subscriber(
        partner_id=partner_id,
        notification_url="https://partner.example/hook",
        event_name="ota_cm_order_processed",
        event_version="1.0",
        **given,
    )


def subscribed(
    number: int = 1, *, since: int = 0, partner_id: UUID = PARTNER, disabled: bool = False, **given: str
) -> Subscribed:
    active = Active(
        subscription_id=UUID(int=number),
        subscriber=subscriber(partner_id, **given),
        secret=SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    if not disabled:
        return Subscribed(active, since, None)
    ended = Disabled(active.subscription_id, active.subscriber, active.secret, active.created_at, "told so")
    return Subscribed(ended, since, None)
