"""What an order is after its events: one frozen state per status, and `evolve`."""

from datetime import datetime
from typing import ClassVar, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.history import HistoryBroken as HistoryBroken
from domain.issuance.issuance import Issuance
from domain.order.content import OrderContent, OrderIdentity
from domain.order.events import (
    AttemptLease,
    IssuanceDeferred,
    IssuanceResumed,
    IssuanceStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderEvent,
    OrderFailed,
    OrderIssued,
    OrderRemoved,
    OrderReplaced,
    OrderReprocessed,
    OrderScheduled,
    OrderSubmitted,
    RedeemedAsset,
    TicketsRedeemed,
    VoidRequested,
)
from domain.order.places import Places


class Absent(Struct, frozen=True, tag=True):
    """Nothing has happened under this orderId."""


class KnownOrder(Struct, frozen=True, rename="camel", tag=True, omit_defaults=True):
    """What every status knows. `revision` counts how often the order was handed to issuance, from 1."""

    status: ClassVar[str]

    order: OrderIdentity
    content: OrderContent
    revision: int


class Submitted(KnownOrder, frozen=True):
    status = "Submitted"


class Scheduled(KnownOrder, frozen=True):
    status = "Scheduled"


class Processing(KnownOrder, frozen=True):
    """`attempt`: how often the issuer has been tried and could not answer. `retry_at`: not before then again.

    `catalog_version`: of the catalog by which the job is issued; 0: the one in force.
    """

    status = "Processing"
    job_id: UUID
    lease: AttemptLease
    attempt: int = 0
    retry_at: datetime | None = None
    places: tuple[Places, ...] = ()
    catalog_version: int = 0


class Draft(KnownOrder, frozen=True):
    status = "Draft"
    issuance: Issuance
    places: tuple[Places, ...] = ()


class UsedAsset(RedeemedAsset, frozen=True, rename="camel"):
    """A ticket or coupon that was used, and when."""

    used_at: datetime


class Issued(KnownOrder, frozen=True):
    """`used`: its tickets and coupons that were used at the gate, in that order."""

    status = "Issued"
    issuance: Issuance
    places: tuple[Places, ...] = ()
    used: tuple[UsedAsset, ...] = ()


class Error(KnownOrder, frozen=True):
    status = "Error"
    status_message: str


class Cancelled(KnownOrder, frozen=True):
    status = "Cancelled"


class Removed(KnownOrder, frozen=True):
    """Gone for everyone but auditors."""

    status = "Cancelled"


InFlight: TypeAlias = Submitted | Scheduled | Processing
Settled: TypeAlias = Issued | Draft | Error
Order: TypeAlias = Absent | Submitted | Scheduled | Processing | Draft | Issued | Error | Cancelled | Removed
ExistingOrder: TypeAlias = Submitted | Scheduled | Processing | Draft | Issued | Error | Cancelled | Removed

STATUSES = ("Submitted", "Scheduled", "Processing", "Issued", "Draft", "Error", "Cancelled")

INITIAL: Order = Absent()


def evolve(state: Order, event: OrderEvent) -> ExistingOrder:
    """The state after one more event.

    Raises HistoryBroken where the event cannot follow: silence here would show a wrong order.
    """
    match event, state:
        case OrderSubmitted(order=order, revision=revision, content=content), Absent():
            return Submitted(order=order, content=content, revision=revision)
        case OrderReplaced(revision=revision, content=content), Draft() | Error():
            return Submitted(order=state.order, content=content, revision=revision)
        case OrderReprocessed(revision=revision), Error():
            return Submitted(order=state.order, content=state.content, revision=revision)
        case OrderScheduled(), Submitted():
            return Scheduled(order=state.order, content=state.content, revision=state.revision)
        case IssuanceStarted() as started, Scheduled():
            return Processing(
                order=state.order,
                content=state.content,
                revision=state.revision,
                job_id=started.job_id,
                lease=started.lease,
                places=started.places,
                catalog_version=started.catalog_version,
            )
        case IssuanceDeferred(attempt=attempt, retry_at=retry_at), Processing():
            return replace(state, attempt=attempt, retry_at=retry_at)
        case IssuanceResumed(lease=lease), Processing():
            return replace(state, lease=lease, retry_at=None)
        case OrderIssued(issuance=issuance), Processing():
            return Issued(
                order=state.order,
                content=state.content,
                revision=state.revision,
                issuance=issuance,
                places=state.places,
            )
        case OrderDrafted(issuance=issuance), Processing():
            return Draft(
                order=state.order,
                content=state.content,
                revision=state.revision,
                issuance=issuance,
                places=state.places,
            )
        case OrderFailed(status_message=message), Processing():
            return Error(order=state.order, content=state.content, revision=state.revision, status_message=message)
        case OrderConfirmed(payment_reference=reference), Draft(issuance=issuance):
            content = replace(state.content, payment_reference=reference)
            return Issued(
                order=state.order, content=content, revision=state.revision, issuance=issuance, places=state.places
            )
        case TicketsRedeemed(assets=assets, used_at=used_at), Issued():
            used = [UsedAsset(asset.asset_id, asset.persons, used_at) for asset in assets]
            return replace(state, used=(*state.used, *used))
        case OrderCancelled(), Issued():
            return Cancelled(order=state.order, content=state.content, revision=state.revision)
        case OrderRemoved(), Draft() | Error():
            return Removed(order=state.order, content=state.content, revision=state.revision)
        case VoidRequested(), Submitted() | Error() | Cancelled() | Removed():
            return state
        case _:
            raise HistoryBroken(event, state)
