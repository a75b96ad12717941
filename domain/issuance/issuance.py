"""What an issuance made: wallets with their tickets and coupons, and what they cost."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.money import Totals as Totals


class Asset(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A ticket or coupon. `id` names it in the order, `asset_id` the ticket or coupon itself."""

    id: UUID
    type: Literal["ticket", "coupon"]
    asset_id: UUID
    reference_number: str
    item_number: str
    description: str
    persons: int = 1


class Wallet(Struct, frozen=True, rename="camel"):
    """What one guest carries. Its name and external reference number stand in the order's line, at the same place."""

    wallet_id: UUID
    wallet_reference_number: str
    unit_price_excl_vat: Decimal
    unit_price_incl_vat: Decimal
    assets: tuple[Asset, ...]


class IssuedLine(Struct, frozen=True, rename="camel"):
    """The wallets of one order line, with the catalog's description at issuance."""

    description: str
    wallets: tuple[Wallet, ...]


class Issuance(Struct, frozen=True, rename="camel"):
    """All that one job minted, in the order of the order's lines."""

    job_id: UUID
    catalog_version: int
    issued_at: datetime
    lines: tuple[IssuedLine, ...]
    totals: Totals
