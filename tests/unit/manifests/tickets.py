"""Issued orders to make manifests of, and the manifests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from domain.catalog.items import Venue
from domain.issuance.issuance import Asset, Issuance, IssuedLine, Totals, Wallet
from domain.order.content import ComponentVisit, OrderContent, OrderLine
from domain.order.state import Issued, UsedAsset
from domain.personal import WalletName
from services.manifests.contents import Manifest
from services.manifests.manifest import manifest
from services.manifests.page import Page
from services.manifests.sheets import Sheets
from tests.unit.order.examples import IDENTITY, JOB, NOW

VENUE = Venue(id=UUID(int=1), name="Harbour Museum", time_zone="Europe/Copenhagen", currency_code="DKK", language="ENU")
USED_AT = datetime(2026, 12, 1, 9, 42, tzinfo=UTC)


def number(wallet: int, asset: int = 0) -> str:
    return f"T{wallet:06d}{asset:06d}ABCDEF"


def line(
    *names: str | None,
    wallets: int = 1,
    language: str | None = None,
    schedule: tuple[ComponentVisit, ...] = (),
    references: tuple[str, ...] = (),
) -> OrderLine:
    return OrderLine(
        item_number="31001",
        quantity=len(names) or wallets,
        visit_date=date(2026, 12, 1),
        visit_time=time(10, 30),
        sell_to_language=language,
        wallet_names=tuple([WalletName(name) if name is not None else None for name in names]),
        external_reference_numbers=references,
        component_schedule=schedule,
    )


def order(*lines: OrderLine, assets: Sequence[Asset] = (), language: str | None = None, used: int = 0) -> Issued:
    """A wallet holds a day ticket, or copies of `assets` with numbers of their own; the first `used` are used."""
    held = assets or [ticket()]
    issued: list[IssuedLine] = []
    place = 0
    for one in lines:
        wallets = []
        for _ in range(one.quantity):
            minted = [
                Asset(
                    id=UUID(int=place * 100 + at),
                    type=asset.type,
                    asset_id=UUID(int=place * 100 + at),
                    reference_number=number(place, at),
                    item_number=asset.item_number,
                    description=asset.description,
                    persons=asset.persons,
                )
                for at, asset in enumerate(held)
            ]
            price = Decimal("125.00")
            wallets.append(Wallet(UUID(int=place), f"W{place:014d}", price, price, tuple(minted)))
            place += 1
        issued.append(IssuedLine("Day ticket, adult" if len(held) == 1 else "Tour and coffee", tuple(wallets)))
    every = [asset for one in issued for wallet in one.wallets for asset in wallet.assets]
    return Issued(
        order=IDENTITY,
        content=OrderContent(lines=lines, sell_to_language=language, payment_reference="PAY-1"),
        revision=1,
        issuance=Issuance(JOB, 1, NOW, tuple(issued), Totals(Decimal(0), Decimal(0), Decimal(0), "DKK")),
        used=tuple([UsedAsset(asset.asset_id, asset.persons, USED_AT) for asset in every[:used]]),
    )


def ticket(description: str = "Day ticket, adult", item: str = "31001", persons: int = 1) -> Asset:
    return Asset(UUID(int=0), "ticket", UUID(int=0), "", item, description, persons)


def coupon(description: str = "Coffee") -> Asset:
    return Asset(UUID(int=0), "coupon", UUID(int=0), "", "33001", description)


def shown(order: Issued, wallet: int | None = None, *, venue: Venue = VENUE, partner: str | None = None) -> Manifest:
    return manifest(order, None, venue, partner, wallet)


def page_of(made: Manifest) -> str:
    page, parts = Page(made, "TOKEN"), []
    while part := page.some():
        parts.append(part)
    return b"".join(parts).decode()


def pdf_of(made: Manifest) -> bytes:
    return Sheets(made).pdf()
