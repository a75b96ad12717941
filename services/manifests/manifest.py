"""What a manifest shows, in words: of an Issued order or one wallet of it, a wallet at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.catalog.time_zones import time_zone
from domain.order.content import text_language
from domain.order.gate import ShownTicket, ShownWallet, shown_wallets
from infra.event_store.field_encryption import FieldCipher, open_text
from services.manifests.contents import Manifest, Ticket, Wallet
from services.manifests.texts import Texts, texts_in

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from domain.catalog.items import Venue
    from domain.order.state import Issued


def manifest(
    order: Issued, cipher: FieldCipher | None, venue: Venue, partner_language: str | None, wallet: int | None
) -> Manifest:
    """Of the whole order, or of one `wallet` by its place in the issuance.

    `partner_language`: of texts where the order names none, else the venue's. `wallets` raises SealBroken.
    """
    fallback = partner_language or venue.language
    every = [one for line in order.issuance.lines for one in line.wallets]
    chosen = slice(None) if wallet is None else slice(wallet, wallet + 1)
    languages = _languages(order, fallback)[chosen]
    asked = zip(list(shown_wallets(order))[chosen], languages, strict=True)
    zone = time_zone(venue.time_zone)
    return Manifest(
        venue=venue.name,
        order_reference=order.order.buy_from_order_reference,
        issued_at=order.issuance.issued_at,
        texts=texts_in((order.content.sell_to_language or fallback) if wallet is None else languages[0]),
        sheets=sum(len(one.assets) for one in every[chosen]),
        wallets=(_wallet(shown, texts_in(language), cipher, zone) for shown, language in asked),
    )


def _languages(order: Issued, fallback: str) -> list[str]:
    """Of each wallet of the issuance."""
    content = order.content
    return [
        language
        for line, issued in zip(content.lines, order.issuance.lines, strict=True)
        for language in [text_language(line.sell_to_language, content.sell_to_language, fallback)] * len(issued.wallets)
    ]


def _wallet(shown: ShownWallet, texts: Texts, cipher: FieldCipher | None, zone: ZoneInfo) -> Wallet:
    return Wallet(
        name=_line(open_text(shown.name, cipher)),
        description=_line(shown.description),
        reference=shown.external_reference_number,
        texts=texts,
        tickets=tuple([_ticket(ticket, texts, zone) for ticket in shown.tickets]),
    )


def _ticket(ticket: ShownTicket, texts: Texts, zone: ZoneInfo) -> Ticket:
    asset, used_at = ticket.asset, ticket.used_at
    return Ticket(
        kind=texts.ticket if ticket.is_ticket else texts.coupon,
        number=asset.reference_number,
        description=_line(asset.description),
        visit=texts.day_and_time(ticket.visit_date, ticket.visit_time),
        persons=asset.persons,
        is_used=used_at is not None,
        status=texts.valid if used_at is None else texts.used_at(used_at.astimezone(zone)),
    )


def _line(text: str) -> str:
    """In one line, whatever a partner sent: line breaks in a name would push the rest off the sheet."""
    return " ".join(text.split())
