"""What may be asked of an order. Ids, time and chance come in with the command."""

from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.issuance.issuance import Issuance
from domain.order.content import OrderContent, OrderIdentity
from domain.order.events import AttemptLease
from domain.order.places import Places


class SubmitOrder(Struct, frozen=True):
    order: OrderIdentity
    content: OrderContent


class ReplaceOrder(Struct, frozen=True):
    """`partner_id` and `sell_to_order_reference` as the body names them: they may not change."""

    partner_id: UUID
    sell_to_order_reference: str
    content: OrderContent


class ConfirmOrder(Struct, frozen=True):
    payment_reference: str


class CancelOrder(Struct, frozen=True):
    pass


class ExpireDraft(Struct, frozen=True):
    """Asked by our own timer, not by a partner: it must not cancel an order that was confirmed in the meantime.

    `ttl_seconds`: the partner's `draftTtlSeconds`, as far as we know at `now`; None is for ever.
    """

    now: datetime
    ttl_seconds: int | None


class ReprocessOrder(Struct, frozen=True):
    pass


class RedeemTickets(Struct, frozen=True):
    """Let in who shows this reference. `today`: at the venue, at `now`. `persons`: how many came, None is all."""

    reference: str
    persons: int | None
    today: date
    now: datetime


class StartIssuance(Struct, frozen=True):
    """Pick the order up and lease its job. `places`: that the same save takes. `catalog_version`: to be issued by."""

    job_id: UUID
    lease: AttemptLease
    places: tuple[Places, ...] = ()
    catalog_version: int = 0


class ResumeIssuance(Struct, frozen=True):
    """Take up a job that was deferred, or whose lease ran out before `now`."""

    lease: AttemptLease
    now: datetime


class DeferIssuance(Struct, frozen=True):
    job_id: UUID
    retry_at: datetime


class RecordIssuance(Struct, frozen=True):
    issuance: Issuance


class FailIssuance(Struct, frozen=True):
    job_id: UUID
    reason: str
    status_message: str


IssuanceCommand: TypeAlias = StartIssuance | ResumeIssuance | DeferIssuance | RecordIssuance | FailIssuance
OrderCommand: TypeAlias = (
    SubmitOrder
    | ReplaceOrder
    | ConfirmOrder
    | CancelOrder
    | ExpireDraft
    | ReprocessOrder
    | RedeemTickets
    | IssuanceCommand
)
