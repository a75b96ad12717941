"""One example of every stored event, by topic, as full as it could be. Once stored in a golden file it never changes.

An event of an older shape stands here as what it is read as today.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from domain.allotment.override import AllotmentOverridden
from domain.api_key import KeyCreated, KeyRevoked
from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.catalog.stream import CatalogPublished
from domain.issuance.issuance import Asset, Issuance, IssuedLine, Totals, Wallet
from domain.order.content import ComponentVisit, OrderContent, OrderIdentity, OrderLine
from domain.order.events import (
    AttemptLease,
    IssuanceDeferred,
    IssuanceResumed,
    IssuanceStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
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
from domain.partner import PartnerChanged, PartnerCreated, PartnerDeleted
from domain.personal import (
    LineSellToEmail,
    LineSellToName,
    SealedText,
    SellToEmail,
    SellToName,
    SigningSecret,
    WalletName,
)
from domain.references import ReferenceReleased, ReferenceReserved
from domain.subscription import Subscriber, SubscriptionCreated, SubscriptionDeleted, SubscriptionDisabled
from infra.event_store.field_encryption import FieldCipher
from infra.event_store.mapper import Actor, Metadata

STREAM = UUID("019a0000-0000-7000-8000-000000000001")
PARTNER = UUID("21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
JOB = UUID("019a0000-0000-7000-8000-000000000002")
NOW = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)

METADATA = Metadata(
    command_id=UUID("019a0000-0000-7000-8000-000000000003"),
    occurred_at=datetime(2026, 11, 23, 10, 15, 30, 123456, tzinfo=UTC),
    actor=Actor(scope="partner", key_id="019a0000-0000-7000-8000-000000000004"),
    correlation_id="req-1",
    causation_id=UUID("019a0000-0000-7000-8000-000000000005"),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    venue_id=UUID("019a0000-0000-7000-8000-000000000006"),
)


class ReadableSeal(FieldCipher):
    """In the place of encryption, which is never the same twice: the field and the text."""

    def __init__(self) -> None:
        super().__init__(STREAM, bytes(32))

    def token(self, text: SealedText) -> str:
        text.token = f"sealed:{text.field}:{text.plain}"
        return text.token


_ORDER = OrderIdentity(
    partner_id=PARTNER,
    sell_to_order_reference="PARTNER-ORDER-2026-00042 / “Ærø”",
    buy_from_order_reference="CM-7KQ2M-9XD4T-8HF2",
    received_at=NOW,
)

_CONTENT = OrderContent(
    lines=(
        OrderLine(
            item_number="31001",
            quantity=2,
            visit_date=date(2026, 12, 1),
            visit_time=time(10, 30),
            description='Day ticket, "adult"',
            is_package=True,
            sell_to_name=LineSellToName("Jane Doe"),
            sell_to_email=LineSellToEmail("jane@example.com"),
            sell_to_language="DAN",
            wallet_names=(WalletName("Jane"), None),
            external_reference_numbers=("X-1", ""),
            component_schedule=(ComponentVisit("31002", date(2026, 12, 2), time(9, 0)),),
        ),
        # Inherits the language, and clears what else it could inherit.
        OrderLine(
            item_number="31003",
            quantity=1,
            visit_date=date(2026, 12, 1),
            visit_time=time(0, 0),
            sell_to_name=None,
            sell_to_email=None,
        ),
        OrderLine(item_number="31003", quantity=1, visit_date=date(2026, 12, 31), visit_time=time(23, 59, 59)),
    ),
    payment_reference="PAY-987654",
    sell_to_name=SellToName("Søren Kierkegård"),
    sell_to_email=SellToEmail("soren@example.com"),
    sell_to_language="ENU",
)

_ISSUANCE = Issuance(
    job_id=JOB,
    catalog_version=7,
    issued_at=NOW,
    lines=(
        IssuedLine(
            description="Day ticket, adult",
            wallets=(
                Wallet(
                    wallet_id=UUID(int=10),
                    wallet_reference_number="W00000000000000",
                    unit_price_excl_vat=Decimal("100.00"),
                    unit_price_incl_vat=Decimal("125.00"),
                    assets=(
                        Asset(UUID(int=11), "ticket", UUID(int=12), "T000000000001ABCDEF", "31001", "Day ticket"),
                        Asset(UUID(int=13), "coupon", UUID(int=14), "C1", "31002", "Coffee", persons=4),
                    ),
                ),
            ),
        ),
    ),
    totals=Totals(excl_vat=Decimal("100.00"), vat=Decimal("25.00"), incl_vat=Decimal("125.00"), currency_code="DKK"),
)

_LEASE = AttemptLease(owner="issuer-1", until=NOW + timedelta(seconds=30))

_CATALOG = Catalog(
    venue=Venue(
        id=UUID("019a0000-0000-7000-8000-000000000006"),
        name="The Old Museum",
        time_zone="Europe/Copenhagen",
        currency_code="DKK",
        language="DAN",
    ),
    admissions=(
        Admission("main"),
        Admission(
            admission="tower",
            description="The tower",
            capacity=40,
            closed=(date(2026, 12, 24), date(2026, 12, 25)),
            slots=(Slot(time(9, 0), time(10, 30)), Slot(time(10, 30), time(12, 0))),
        ),
    ),
    items=(
        Item(
            item_number="31001",
            kind="ticket",
            description="Day ticket",
            unit_price_incl_vat=Decimal("125.00"),
            vat_percent=Decimal("25"),
            descriptions={"DAN": "Dagsbillet", "DEU": "Tageskarte"},
            number_pattern="T[N*12][A*6]",
            group_ticket=True,
            admissions=("main", "tower"),
            sale_from=date(2026, 1, 1),
            sale_to=date(2026, 12, 31),
        ),
        Item("31002", "coupon", "Coffee", Decimal("30.00"), Decimal("12.5"), number_pattern="C-[AN*16]"),
        Item(
            "31010",
            "package",
            "Day and coffee",
            Decimal("150.00"),
            Decimal("25"),
            components=(Component("31001", 1), Component("31002", 2)),
        ),
    ),
)

FULLER: Mapping[str, object] = {
    "order.processing.v1+places": IssuanceStarted(
        order=_ORDER,
        revision=1,
        job_id=JOB,
        lease=_LEASE,
        places=(Places("main", date(2026, 12, 1), 3), Places("tower", date(2026, 12, 2), 2, time(10, 30))),
        catalog_version=7,
    ),
}
"""Further shapes of events that gained fields which may be left out: topic, `+`, and a name of the shape."""

EXAMPLES: Mapping[str, object] = {
    "order.submitted.v1": OrderSubmitted(order=_ORDER, revision=1, content=_CONTENT),
    "order.replaced.v1": OrderReplaced(order=_ORDER, revision=2, content=OrderContent(lines=_CONTENT.lines[:1])),
    "order.reprocessed.v1": OrderReprocessed(order=_ORDER, revision=3),
    "order.scheduled.v1": OrderScheduled(order=_ORDER, revision=1),
    "order.processing.v1": IssuanceStarted(order=_ORDER, revision=1, job_id=JOB, lease=_LEASE),
    "order.issuance_deferred.v1": IssuanceDeferred(job_id=JOB, attempt=1, retry_at=NOW + timedelta(seconds=2)),
    "order.issuance_resumed.v1": IssuanceResumed(job_id=JOB, lease=_LEASE),
    "order.issued.v1": OrderIssued(order=_ORDER, revision=1, issuance=_ISSUANCE),
    "order.drafted.v1": OrderDrafted(order=_ORDER, revision=1, issuance=_ISSUANCE),
    "order.failed.v1": OrderFailed(
        order=_ORDER, revision=1, reason="sold_out", status_message="Sold out on 2026-12-01."
    ),
    "order.confirmed.v1": OrderConfirmed(order=_ORDER, revision=1, payment_reference="PAY-987655"),
    "order.cancelled.v1": OrderCancelled(order=_ORDER, revision=1),
    "order.removed.v1": OrderRemoved(order=_ORDER, revision=1, reason="expired"),
    "order.redeemed.v1": TicketsRedeemed(
        order=_ORDER,
        revision=1,
        assets=(RedeemedAsset(UUID(int=12), persons=1), RedeemedAsset(UUID(int=14), persons=18)),
        used_at=NOW,
    ),
    "order.void_requested.v1": VoidRequested(job_id=JOB),
    "reference.reserved.v1": ReferenceReserved(STREAM, PARTNER, "PARTNER-ORDER-2026-00042"),
    "reference.released.v1": ReferenceReleased(STREAM),
    "partner.created.v1": PartnerCreated(
        PARTNER, "Nordic Tours", draft_ttl_seconds=3600, language="ENU", created_at=NOW
    ),
    "partner.changed.v1": PartnerChanged(PARTNER, NOW, active=False, draft_ttl_seconds=None),
    "partner.deleted.v1": PartnerDeleted(PARTNER, NOW),
    "key.created.v1": KeyCreated(
        key_id=STREAM, key_hash="ab" * 32, scope="partner", name="till", created_at=NOW, partner_id=PARTNER
    ),
    "key.revoked.v1": KeyRevoked(STREAM, NOW),
    "catalog.published.v1": CatalogPublished(version=7, catalog=_CATALOG),
    "allotment.overridden.v1": AllotmentOverridden("tower", date(2026, 12, 27), capacity=None, slot_start=time(10, 30)),
    "subscription.created.v1": SubscriptionCreated(
        STREAM,
        Subscriber(
            partner_id=PARTNER,
            notification_url="https://partner.example/hook?a=1",
            event_name="ota_cm_order_processed",
            event_version="1.0",
            client_state="state",
            app_id="app",
            company_id="company",
            company_name="Nordic Tours A/S",
        ),
        SigningSecret("whsec_c2VjcmV0"),
        NOW,
    ),
    "subscription.disabled.v1": SubscriptionDisabled(STREAM, "The endpoint answered 410 Gone."),
    "subscription.deleted.v1": SubscriptionDeleted(STREAM),
}
