"""One order, in every status it can have, and the commands that may meet it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from domain.issuance.issuance import Asset, Issuance, IssuedLine, Totals, Wallet
from domain.order.commands import (
    CancelOrder,
    ConfirmOrder,
    DeferIssuance,
    ExpireDraft,
    FailIssuance,
    OrderCommand,
    RecordIssuance,
    ReplaceOrder,
    ReprocessOrder,
    ResumeIssuance,
    StartIssuance,
    SubmitOrder,
)
from domain.order.content import OrderContent, OrderIdentity, OrderLine
from domain.order.decide import decide
from domain.order.events import (
    AttemptLease,
    IssuanceStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderEvent,
    OrderFailed,
    OrderIssued,
    OrderRemoved,
    OrderScheduled,
    OrderSubmitted,
    VoidRequested,
)
from domain.order.state import INITIAL, Order, evolve
from domain.personal import SellToName
from tests.unit.spec import Decider

NOW = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
PARTNER = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
JOB = UUID(int=1)
OTHER_JOB = UUID(int=2)
LEASE = AttemptLease(owner="issuer-1", until=NOW + timedelta(seconds=30))
TTL_SECONDS = 900
LATER_LEASE = AttemptLease(owner="issuer-2", until=NOW + timedelta(seconds=90))

IDENTITY = OrderIdentity(
    partner_id=PARTNER,
    sell_to_order_reference="PARTNER-ORDER-2026-00042",
    buy_from_order_reference="CM-7KQ2M-9XD4T-8HF2",
    received_at=NOW,
)
LINE = OrderLine(
    item_number="31001",
    quantity=1,
    visit_date=date(2026, 12, 1),
    visit_time=time(10, 30),
    description="Day ticket, adult",
)
UNPAID = OrderContent(lines=(LINE,), sell_to_name=SellToName("Jane Doe"))
PAID = OrderContent(lines=(LINE,), sell_to_name=SellToName("Jane Doe"), payment_reference="PAY-987654")
OTHER_CONTENT = OrderContent(lines=(LINE, LINE))


def issuance(job_id: UUID = JOB) -> Issuance:
    asset = Asset(
        id=UUID(int=11),
        type="ticket",
        asset_id=UUID(int=12),
        reference_number="T000000000001ABCDEF",
        item_number="31001",
        description="Day ticket, adult",
    )
    wallet = Wallet(
        wallet_id=UUID(int=10),
        wallet_reference_number="W00000000000000",
        unit_price_excl_vat=Decimal("100.00"),
        unit_price_incl_vat=Decimal("125.00"),
        assets=(asset,),
    )
    return Issuance(
        job_id=job_id,
        catalog_version=1,
        issued_at=NOW,
        lines=(IssuedLine(description="Day ticket, adult", wallets=(wallet,)),),
        totals=Totals(
            excl_vat=Decimal("100.00"), vat=Decimal("25.00"), incl_vat=Decimal("125.00"), currency_code="DKK"
        ),
    )


order = Decider[Order, OrderCommand, OrderEvent](INITIAL, evolve, decide)


def submitted(content: OrderContent = UNPAID) -> OrderSubmitted:
    return OrderSubmitted(order=IDENTITY, revision=1, content=content)


SCHEDULED = OrderScheduled(order=IDENTITY, revision=1)
STARTED = IssuanceStarted(order=IDENTITY, revision=1, job_id=JOB, lease=LEASE)
FAILED = OrderFailed(order=IDENTITY, revision=1, reason="sold_out", status_message="Sold out.")

TO_PROCESSING: tuple[OrderEvent, ...] = (submitted(), SCHEDULED, STARTED)
TO_DRAFT: tuple[OrderEvent, ...] = (
    *TO_PROCESSING,
    OrderDrafted(order=IDENTITY, revision=1, issuance=issuance()),
)
TO_ISSUED: tuple[OrderEvent, ...] = (
    submitted(PAID),
    SCHEDULED,
    STARTED,
    OrderIssued(order=IDENTITY, revision=1, issuance=issuance()),
)
TO_ERROR: tuple[OrderEvent, ...] = (*TO_PROCESSING, FAILED, VoidRequested(job_id=JOB))

HISTORIES: dict[str, tuple[OrderEvent, ...]] = {
    "Absent": (),
    "Submitted": (submitted(),),
    "Scheduled": (submitted(), SCHEDULED),
    "Processing": TO_PROCESSING,
    "Draft": TO_DRAFT,
    "Issued": TO_ISSUED,
    "Error": TO_ERROR,
    "Cancelled": (*TO_ISSUED, OrderCancelled(order=IDENTITY, revision=1), VoidRequested(job_id=JOB)),
    "Removed": (
        *TO_DRAFT,
        OrderRemoved(order=IDENTITY, revision=1, reason="cancelled"),
        VoidRequested(job_id=JOB),
    ),
}
"""A history that ends in each state."""

CONFIRMED: tuple[OrderEvent, ...] = (
    *TO_DRAFT,
    OrderConfirmed(order=IDENTITY, revision=1, payment_reference="PAY-1"),
)

REPLACE = ReplaceOrder(partner_id=PARTNER, sell_to_order_reference="PARTNER-ORDER-2026-00042", content=OTHER_CONTENT)

PARTNER_COMMANDS: dict[str, OrderCommand] = {
    "createOrder": SubmitOrder(order=IDENTITY, content=UNPAID),
    "replaceOrder": REPLACE,
    "confirmOrder": ConfirmOrder(payment_reference="PAY-1"),
    "cancelOrder": CancelOrder(),
    "reprocess": ReprocessOrder(),
}
OUR_COMMANDS: dict[str, OrderCommand] = {
    "start": StartIssuance(job_id=JOB, lease=LEASE),
    "resume": ResumeIssuance(lease=LATER_LEASE, now=LEASE.until),
    "defer": DeferIssuance(job_id=JOB, retry_at=NOW + timedelta(seconds=1)),
    "record": RecordIssuance(issuance=issuance()),
    "fail": FailIssuance(job_id=JOB, reason="sold_out", status_message="Sold out."),
    "expire": ExpireDraft(now=NOW + timedelta(seconds=TTL_SECONDS), ttl_seconds=TTL_SECONDS),
}
