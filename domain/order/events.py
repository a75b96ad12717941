"""The facts of an order's life. Their stored names are in `infra/event_store/topics.py` and never change."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.issuance.issuance import Issuance
from domain.order.content import OrderContent, OrderIdentity
from domain.order.places import Places


class AttemptLease(Struct, frozen=True, rename="camel"):
    """Who works on an issuance, and until when nobody else may."""

    owner: str
    until: datetime


class OrderSubmitted(Struct, frozen=True, rename="camel"):
    """An order was accepted; revision 1."""

    order: OrderIdentity
    revision: int
    content: OrderContent


class OrderReplaced(Struct, frozen=True, rename="camel"):
    """Everything but the identity was replaced; the order is issued anew."""

    order: OrderIdentity
    revision: int
    content: OrderContent


class OrderReprocessed(Struct, frozen=True, rename="camel"):
    """An operator had an order in Error issued again as it is."""

    order: OrderIdentity
    revision: int


class OrderScheduled(Struct, frozen=True, rename="camel"):
    """The order was picked up."""

    order: OrderIdentity
    revision: int


class IssuanceStarted(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A job may now call the issuer: durable before anything outside is asked for.

    `places`: taken in the same save; none where there were not enough. `catalog_version`: of the catalog by which they
    were counted, and by which the job is issued; 0 where there was none, or nobody wrote it down yet.
    """

    order: OrderIdentity
    revision: int
    job_id: UUID
    lease: AttemptLease
    places: tuple[Places, ...] = ()
    catalog_version: int = 0


class IssuanceDeferred(Struct, frozen=True, rename="camel"):
    """The issuer could not answer; the same job is tried again from `retry_at`. `attempt` counts from 1."""

    job_id: UUID
    attempt: int
    retry_at: datetime


class IssuanceResumed(Struct, frozen=True, rename="camel"):
    """A job was taken up again, after a deferral or because its lease ran out."""

    job_id: UUID
    lease: AttemptLease


class OrderIssued(Struct, frozen=True, rename="camel"):
    """Issuance succeeded for a paid order: its assets are valid."""

    order: OrderIdentity
    revision: int
    issuance: Issuance


class OrderDrafted(Struct, frozen=True, rename="camel"):
    """Issuance succeeded for an unpaid order: its assets exist and are not valid yet."""

    order: OrderIdentity
    revision: int
    issuance: Issuance


class OrderFailed(Struct, frozen=True, rename="camel"):
    """Issuance failed for good. `reason` is stable; `status_message` is ours, for the partner, and goes to Kafka."""

    order: OrderIdentity
    revision: int
    reason: str
    status_message: str


class OrderConfirmed(Struct, frozen=True, rename="camel"):
    """A Draft was paid for: its assets became valid."""

    order: OrderIdentity
    revision: int
    payment_reference: str


class RedeemedAsset(Struct, frozen=True, rename="camel"):
    """A ticket or coupon that was used. `persons`: how many came in on it, at most its own."""

    asset_id: UUID
    persons: int


class TicketsRedeemed(Struct, frozen=True, rename="camel"):
    """Tickets or coupons of an Issued order were used at the gate, each whole and once."""

    order: OrderIdentity
    revision: int
    assets: tuple[RedeemedAsset, ...]
    used_at: datetime


class OrderCancelled(Struct, frozen=True, rename="camel"):
    """An Issued order was cancelled: its assets are destroyed, the order stays."""

    order: OrderIdentity
    revision: int


class OrderRemoved(Struct, frozen=True, rename="camel"):
    """A Draft or an order in Error is gone; its history stays."""

    order: OrderIdentity
    revision: int
    reason: Literal["cancelled", "expired"]


class VoidRequested(Struct, frozen=True, rename="camel"):
    """What this job minted, or may yet mint, must be destroyed; asked of the issuer until it is acknowledged."""

    job_id: UUID


OrderEvent: TypeAlias = (
    OrderSubmitted
    | OrderReplaced
    | OrderReprocessed
    | OrderScheduled
    | IssuanceStarted
    | IssuanceDeferred
    | IssuanceResumed
    | OrderIssued
    | OrderDrafted
    | OrderFailed
    | OrderConfirmed
    | TicketsRedeemed
    | OrderCancelled
    | OrderRemoved
    | VoidRequested
)
