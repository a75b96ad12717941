"""Tickets and wallets as the gate is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from domain.order.gate import Shown, ShownTicket, ShownWallet
from infra.event_store.field_encryption import open_text
from services.api.order_answer import timestamp

if TYPE_CHECKING:
    from infra.event_store.field_encryption import FieldCipher


class TicketAnswer(Struct, frozen=True, rename="camel"):
    """A ticket or coupon. `persons`: how many it lets in, however many came. `usedAt`: null unless it is Used."""

    reference_number: str
    type: str
    item_number: str
    description: str
    status: str
    visit_date: str
    visit_time: str
    persons: int
    used_at: str | None


class WalletTicketsAnswer(Struct, frozen=True, rename="camel"):
    """A wallet, by its reference or external reference number, with all its tickets and coupons."""

    wallet_reference_number: str
    external_reference_number: str
    name: str
    tickets: list[TicketAnswer]


def shown_answer(found: Shown, cipher: FieldCipher | None) -> TicketAnswer | WalletTicketsAnswer:
    """`cipher`: of the order; it opens a wallet's name. Raises SealBroken."""
    match found:
        case ShownTicket():
            return _ticket(found)
        case ShownWallet():
            return WalletTicketsAnswer(
                wallet_reference_number=found.wallet_reference_number,
                external_reference_number=found.external_reference_number,
                name=open_text(found.name, cipher) or found.description,
                tickets=[_ticket(ticket) for ticket in found.tickets],
            )


def _ticket(ticket: ShownTicket) -> TicketAnswer:
    return TicketAnswer(
        reference_number=ticket.asset.reference_number,
        type=ticket.asset.type,
        item_number=ticket.asset.item_number,
        description=ticket.asset.description,
        status=ticket.status,
        visit_date=ticket.visit_date.isoformat(),
        visit_time=ticket.visit_time.isoformat(),
        persons=ticket.asset.persons,
        used_at=timestamp(ticket.used_at) if ticket.used_at is not None else None,
    )
