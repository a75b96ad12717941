"""What follows from a command: the events, or a typed refusal. Reads top to bottom, a command a function."""

from typing import assert_never

from domain.order.commands import (
    CancelOrder,
    ConfirmOrder,
    DeferIssuance,
    ExpireDraft,
    FailIssuance,
    OrderCommand,
    RecordIssuance,
    RedeemTickets,
    ReplaceOrder,
    ReprocessOrder,
    ResumeIssuance,
    StartIssuance,
    SubmitOrder,
)
from domain.order.content import OrderIdentity
from domain.order.events import (
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
    VoidRequested,
)
from domain.order.expiry import expires_at
from domain.order.redeem import redeem
from domain.order.refusals import (
    HoldsUsedTicket,
    IdentityImmutable,
    OrderAlreadyExists,
    OrderGone,
    OrderInFlight,
    OrderNotConfirmable,
    OrderNotReplaceable,
    OrderNotReprocessable,
)
from domain.order.state import (
    Absent,
    Cancelled,
    Draft,
    Error,
    ExistingOrder,
    Issued,
    Order,
    Processing,
    Removed,
    Scheduled,
    Submitted,
)
from domain.streams import reference_stream


def decide(state: Order, command: OrderCommand) -> list[OrderEvent]:
    """The events that follow; an empty list where nothing changes. Raises an OrderRefusal."""
    match command:
        case SubmitOrder():
            return submit(state, command)
        case ReplaceOrder():
            return replace(state, command)
        case ConfirmOrder():
            return confirm(state, command)
        case CancelOrder():
            return cancel(state)
        case ExpireDraft():
            return expire(state, command)
        case ReprocessOrder():
            return reprocess(state)
        case RedeemTickets():
            return redeem(state, command)
        case StartIssuance():
            return start_issuance(state, command)
        case ResumeIssuance():
            return resume_issuance(state, command)
        case DeferIssuance():
            return defer_issuance(state, command)
        case RecordIssuance():
            return record_issuance(state, command)
        case FailIssuance():
            return fail_issuance(state, command)
        case _:
            assert_never(command)


# What partners ask for


def submit(state: Order, command: SubmitOrder) -> list[OrderEvent]:
    if not isinstance(state, Absent):
        raise OrderAlreadyExists
    return [OrderSubmitted(order=command.order, revision=1, content=command.content)]


def replaceable(state: Order) -> Draft | Error:
    """The order, if it may be replaced: asked before a body is looked at."""
    match settled(state):
        case (Draft() | Error()) as order:
            return order
        case order:
            raise OrderNotReplaceable(order.status)


def _is_reference_of(order: OrderIdentity, reference: str) -> bool:
    """Whether it is the same one, perhaps typed in another way: what counts is what it reserves."""
    given = order.sell_to_order_reference
    return reference == given or (
        reference_stream(order.partner_id, reference) == reference_stream(order.partner_id, given)
    )


def replace(state: Order, command: ReplaceOrder) -> list[OrderEvent]:
    order = replaceable(state)
    if command.partner_id != order.order.partner_id:
        raise IdentityImmutable("partnerId")
    if not _is_reference_of(order.order, command.sell_to_order_reference):
        raise IdentityImmutable("sellToOrderReference")
    replaced = OrderReplaced(order=order.order, revision=order.revision + 1, content=command.content)
    return [replaced, *void_of(order)]


def confirmable(state: Order) -> Draft | Issued:
    """The order, if it may be confirmed, or is already: asked before a body is looked at."""
    match settled(state):
        case (Draft() | Issued()) as order:
            return order
        case order:
            raise OrderNotConfirmable(order.status)


def confirm(state: Order, command: ConfirmOrder) -> list[OrderEvent]:
    match confirmable(state):
        case Issued():
            return []
        case Draft() as draft:
            return [
                OrderConfirmed(order=draft.order, revision=draft.revision, payment_reference=command.payment_reference)
            ]


def cancel(state: Order) -> list[OrderEvent]:
    match settled(state):
        case Issued(used=used) as issued if used:
            raise HoldsUsedTicket(issued.status)
        case Issued() as issued:
            return [OrderCancelled(order=issued.order, revision=issued.revision), *void_of(issued)]
        case (Draft() | Error()) as order:
            return [OrderRemoved(order=order.order, revision=order.revision, reason="cancelled"), *void_of(order)]
        case Cancelled():
            return []


def expire(state: Order, command: ExpireDraft) -> list[OrderEvent]:
    """A Draft whose time is up is removed; one that was confirmed, replaced or removed in time is left alone."""
    match state:
        case Draft() if (due := expires_at(state, command.ttl_seconds)) is not None and due <= command.now:
            return [OrderRemoved(order=state.order, revision=state.revision, reason="expired"), *void_of(state)]
        case _:
            return []


def reprocess(state: Order) -> list[OrderEvent]:
    match settled(state):
        case Error() as failed:
            return [OrderReprocessed(order=failed.order, revision=failed.revision + 1)]
        case order:
            raise OrderNotReprocessable(order.status)


# What the saga asks for. A repeat finds the order further on: nothing happens.


def start_issuance(state: Order, command: StartIssuance) -> list[OrderEvent]:
    match state:
        case Submitted() | Scheduled():
            started = IssuanceStarted(
                order=state.order,
                revision=state.revision,
                job_id=command.job_id,
                lease=command.lease,
                places=command.places,
                catalog_version=command.catalog_version,
            )
            if isinstance(state, Scheduled):
                return [started]
            return [OrderScheduled(order=state.order, revision=state.revision), started]
        case _:
            return []


def resume_issuance(state: Order, command: ResumeIssuance) -> list[OrderEvent]:
    match state:
        case Processing(retry_at=None) if state.lease.until <= command.now:
            return [IssuanceResumed(job_id=state.job_id, lease=command.lease)]
        case Processing(retry_at=retry_at) if retry_at is not None and retry_at <= command.now:
            return [IssuanceResumed(job_id=state.job_id, lease=command.lease)]
        case _:
            return []


def defer_issuance(state: Order, command: DeferIssuance) -> list[OrderEvent]:
    match state:
        case Processing(job_id=job_id, retry_at=None) if job_id == command.job_id:
            return [IssuanceDeferred(job_id=job_id, attempt=state.attempt + 1, retry_at=command.retry_at)]
        case _:
            return []


def record_issuance(state: Order, command: RecordIssuance) -> list[OrderEvent]:
    match state:
        case Processing(job_id=job_id) if job_id == command.issuance.job_id:
            settle = OrderIssued if state.content.payment_reference else OrderDrafted
            return [settle(order=state.order, revision=state.revision, issuance=command.issuance)]
        case _:
            return []


def fail_issuance(state: Order, command: FailIssuance) -> list[OrderEvent]:
    match state:
        case Processing(job_id=job_id) if job_id == command.job_id:
            failed = OrderFailed(
                order=state.order,
                revision=state.revision,
                reason=command.reason,
                status_message=command.status_message,
            )
            return [failed, VoidRequested(job_id=job_id)]
        case _:
            return []


# What several of them need


def settled(state: Order) -> Issued | Draft | Error | Cancelled:
    """The order, if commands may move it; raises where nobody knows it, or while it is being issued."""
    match state:
        case Absent() | Removed():
            raise OrderGone
        case Submitted() | Scheduled() | Processing():
            raise OrderInFlight(state.status)
        case _:
            return state


def void_of(order: ExistingOrder) -> list[OrderEvent]:
    """Whatever destroys a minted job carries the request to void it, in the same save."""
    match order:
        case Draft() | Issued():
            return [VoidRequested(job_id=order.issuance.job_id)]
        case _:
            return []
