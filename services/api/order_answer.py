"""An order as the contract shows it, rendered from its state; the one place where a guest's fields are opened."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import repeat
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.issuance.issuance import Asset, Issuance, IssuedLine, Wallet
from domain.order.content import OrderLine, line_no
from domain.order.state import (
    Cancelled,
    Draft,
    Error,
    ExistingOrder,
    Issued,
    Processing,
    Removed,
    Scheduled,
    Submitted,
)
from infra.event_store.field_encryption import FieldCipher, open_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.manifests.tokens import ManifestAddresses
    from services.ordering.orders import SavedOrder


class AssetAnswer(Struct, frozen=True, rename="camel"):
    """A ticket or coupon of a wallet."""

    id: UUID
    type: str
    asset_id: UUID
    reference_number: str
    item_number: str
    description: str


class WalletAnswer(Struct, frozen=True, rename="camel"):
    """What one guest carries."""

    seq_no: int
    wallet_id: UUID
    wallet_reference_number: str
    external_reference_number: str
    name: str
    issued_at: str
    unit_price_excl_vat: Decimal
    unit_price_incl_vat: Decimal
    currency_code: str
    manifest_url: str | UnsetType
    assets: list[AssetAnswer]


class ComponentVisitAnswer(Struct, frozen=True, rename="camel"):
    """When a component of a package is visited."""

    item_number: str
    visit_date: str
    visit_time: str


class LineAnswer(Struct, frozen=True, rename="camel"):
    """A line of an order."""

    line_no: int
    item_number: str
    description: str
    is_package: bool
    quantity: int
    visit_date: str
    visit_time: str
    sell_to_name: str
    sell_to_email: str
    sell_to_language: str
    wallets: list[WalletAnswer]
    component_schedule: list[ComponentVisitAnswer] | UnsetType = UNSET


class TotalsAnswer(Struct, frozen=True, rename="camel"):
    """Sums over the order's wallets."""

    excl_vat: Decimal
    vat: Decimal
    incl_vat: Decimal
    currency_code: str


class SummaryAnswer(Struct, frozen=True, rename="camel"):
    """The order without its items; `id`, `rowVersion` and `removed` in a replication list alone.

    `expires_at`: on a Draft that will expire. It follows the partner's `draftTtlSeconds` as that is now, and changes
    with it without the order's version or rowVersion.
    """

    order_id: UUID
    status: str
    status_message: str
    partner_id: UUID
    sell_to_order_reference: str
    buy_from_order_reference: str
    sell_to_email: str
    sell_to_name: str
    sell_to_language: str
    payment_reference: str
    received_at: str
    job_id: str
    manifest_url: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    totals: TotalsAnswer | UnsetType = UNSET
    removed: bool | UnsetType = UNSET
    id: UUID | UnsetType = UNSET
    row_version: str | UnsetType = UNSET


class OrderAnswer(SummaryAnswer, frozen=True):
    """The order."""

    items: list[LineAnswer] = []


_NO_ADDRESSES: Iterator[str | UnsetType] = repeat(UNSET)

encode_answer = msgspec.json.Encoder(decimal_format="number").encode


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`."""
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def order_answer(
    saved: SavedOrder, state: ExistingOrder, manifests: ManifestAddresses, expires: datetime | None
) -> OrderAnswer:
    """The order as `saved` left it; `expires`: a Draft that will. Raises SealBroken."""
    header = _header(saved.order_id, state, saved.cipher, manifests, expires)
    return OrderAnswer(**header, items=_items(saved.order_id, state, saved.cipher, manifests))


def summary_answer(
    order_id: UUID,
    state: ExistingOrder,
    cipher: FieldCipher | None,
    manifests: ManifestAddresses,
    expires: datetime | None,
    row_version: int | None = None,
) -> SummaryAnswer:
    """The order without its items; with `row_version` as a row of a replication list. Raises SealBroken."""
    header = _header(order_id, state, cipher, manifests, expires)
    if row_version is not None:
        header["id"] = order_id
        header["row_version"] = str(row_version)
    return SummaryAnswer(**header)


def _header(
    order_id: UUID,
    state: ExistingOrder,
    cipher: FieldCipher | None,
    manifests: ManifestAddresses,
    expires: datetime | None,
) -> dict[str, Any]:
    content = state.content
    header: dict[str, Any] = {
        "order_id": order_id,
        "status": state.status,
        "status_message": state.status_message if isinstance(state, Error) else "",
        "partner_id": state.order.partner_id,
        "sell_to_order_reference": state.order.sell_to_order_reference,
        "buy_from_order_reference": state.order.buy_from_order_reference,
        "sell_to_email": open_text(content.sell_to_email, cipher),
        "sell_to_name": open_text(content.sell_to_name, cipher),
        "sell_to_language": content.sell_to_language or "",
        "payment_reference": content.payment_reference or "",
        "received_at": timestamp(state.order.received_at),
        "job_id": "",
    }
    match state:
        case Submitted() | Scheduled() | Error() | Cancelled():
            pass
        case Processing(job_id=job_id):
            header["job_id"] = str(job_id)
        case Draft(issuance=issuance) | Issued(issuance=issuance):
            header["job_id"] = str(issuance.job_id)
            totals = issuance.totals
            header["totals"] = TotalsAnswer(totals.excl_vat, totals.vat, totals.incl_vat, totals.currency_code)
            if isinstance(state, Issued):
                header["manifest_url"] = manifests.of_order(order_id, issuance)
        case Removed():
            header["removed"] = True
    if expires is not None:
        header["expires_at"] = timestamp(expires)
    return header


def _items(
    order_id: UUID, state: ExistingOrder, cipher: FieldCipher | None, manifests: ManifestAddresses
) -> list[LineAnswer]:
    match state:
        case Submitted() | Scheduled() | Processing() | Cancelled() | Removed():
            return []
        case Draft(issuance=issuance) | Issued(issuance=issuance):
            # One a wallet, taken up line by line.
            is_issued = isinstance(state, Issued)
            addresses = iter(manifests.of_wallets(order_id, issuance)) if is_issued else _NO_ADDRESSES
            return [
                _line(index, state, line, cipher, issued, issuance, addresses)
                for index, (line, issued) in enumerate(zip(state.content.lines, issuance.lines, strict=True))
            ]
        case Error():
            return [_line(index, state, line, cipher) for index, line in enumerate(state.content.lines)]


def _line(
    index: int,
    state: ExistingOrder,
    line: OrderLine,
    cipher: FieldCipher | None,
    issued: IssuedLine | None = None,
    issuance: Issuance | None = None,
    addresses: Iterator[str | UnsetType] = _NO_ADDRESSES,
) -> LineAnswer:
    content = state.content
    name = content.sell_to_name if line.sell_to_name is UNSET else line.sell_to_name
    email = content.sell_to_email if line.sell_to_email is UNSET else line.sell_to_email
    language = content.sell_to_language if line.sell_to_language is UNSET else line.sell_to_language
    schedule: list[ComponentVisitAnswer] | UnsetType = UNSET
    if line.is_package:
        schedule = [
            ComponentVisitAnswer(visit.item_number, visit.visit_date.isoformat(), visit.visit_time.isoformat())
            for visit in line.component_schedule
        ]
    return LineAnswer(
        line_no=line_no(index),
        item_number=line.item_number,
        description=issued.description if issued is not None else line.description,
        is_package=line.is_package,
        quantity=line.quantity,
        visit_date=line.visit_date.isoformat(),
        visit_time=line.visit_time.isoformat(),
        sell_to_name=open_text(name, cipher),
        sell_to_email=open_text(email, cipher),
        sell_to_language=language or "",
        wallets=_wallets(line, issued, issuance, cipher, addresses)
        if issued is not None and issuance is not None
        else [],
        component_schedule=schedule,
    )


def _wallets(
    line: OrderLine,
    issued: IssuedLine,
    issuance: Issuance,
    cipher: FieldCipher | None,
    addresses: Iterator[str | UnsetType],
) -> list[WalletAnswer]:
    issued_at = timestamp(issuance.issued_at)
    currency = issuance.totals.currency_code
    return [
        WalletAnswer(
            seq_no=index + 1,
            wallet_id=wallet.wallet_id,
            wallet_reference_number=wallet.wallet_reference_number,
            external_reference_number=line.external_reference_number_of(index) or wallet.wallet_reference_number,
            name=open_text(line.name_of(index), cipher) or issued.description,
            issued_at=issued_at,
            unit_price_excl_vat=wallet.unit_price_excl_vat,
            unit_price_incl_vat=wallet.unit_price_incl_vat,
            currency_code=currency,
            manifest_url=address,
            assets=_assets(wallet),
        )
        for index, (wallet, address) in enumerate(zip(issued.wallets, addresses, strict=False))
    ]


def _assets(wallet: Wallet) -> list[AssetAnswer]:
    return [_asset(asset) for asset in wallet.assets]


def _asset(asset: Asset) -> AssetAnswer:
    return AssetAnswer(
        asset.id, asset.type, asset.asset_id, asset.reference_number, asset.item_number, asset.description
    )
