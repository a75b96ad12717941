"""What a guest shows at the gate, as an order has it: tickets and coupons, each with its status, in their wallets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from domain.issuance.issuance import Asset
from domain.order.content import OrderLine, visit_of
from domain.order.state import Draft, Issued, Order
from domain.personal import WalletName

TicketStatus: TypeAlias = Literal["Unconfirmed", "Valid", "Used", "Void"]
"""Unconfirmed: of a Draft. Void: destroyed with its wallet."""


class ShownTicket(NamedTuple):
    """A ticket or coupon. `visit_date`, `visit_time`: at the venue. `used_at`: None unless it is Used."""

    asset: Asset
    visit_date: date
    visit_time: time
    status: TicketStatus
    used_at: datetime | None = None

    @property
    def is_ticket(self) -> bool:
        return self.asset.type == "ticket"


class ShownWallet(NamedTuple):
    """A wallet and all that is in it. `name`: its own, None where the line's `description` stands for it.

    `external_reference_number`: its own reference number where the partner gave none.
    """

    wallet_reference_number: str
    external_reference_number: str
    name: WalletName | None
    description: str
    tickets: tuple[ShownTicket, ...]


Shown: TypeAlias = ShownTicket | ShownWallet


def shown_wallets(order: Order) -> Iterator[ShownWallet]:
    """Every wallet that lives, in the order of the order's lines; none but of Draft, Issued."""
    if not isinstance(order, Draft | Issued):
        return
    used = {asset.asset_id: asset.used_at for asset in order.used} if isinstance(order, Issued) else None
    for line, issued in zip(order.content.lines, order.issuance.lines, strict=True):
        for place, wallet in enumerate(issued.wallets):
            yield ShownWallet(
                wallet.wallet_reference_number,
                line.external_reference_number_of(place) or wallet.wallet_reference_number,
                line.name_of(place),
                issued.description,
                tuple([_ticket(asset, line, used) for asset in wallet.assets]),
            )


def shown(order: Order, reference: str) -> Shown | None:
    """The ticket or coupon of this number, or the wallet of this reference or external reference number.

    None where nothing that lives in the order has it. Every character must be the same, and its case.
    """
    for wallet in shown_wallets(order):
        if reference in {wallet.wallet_reference_number, wallet.external_reference_number}:
            return wallet
        for ticket in wallet.tickets:
            if ticket.asset.reference_number == reference:
                return ticket
    return None


def destroyed(states: Sequence[Order], number: str) -> ShownTicket | None:
    """The ticket or coupon that had this number last, as Void; None where none had it, and for a wallet's numbers.

    `states`: all that the order has gone through, the oldest first.
    """
    for state in reversed(states):
        ticket = shown(state, number)
        if isinstance(ticket, ShownTicket):
            return ticket._replace(status="Void", used_at=None)
    return None


def _ticket(asset: Asset, line: OrderLine, used: Mapping[UUID, datetime] | None) -> ShownTicket:
    """`used`: when each that was used was, None where none can be: nothing is paid yet."""
    visit_date, visit_time = visit_of(line, asset.item_number)
    if used is None:
        return ShownTicket(asset, visit_date, visit_time, "Unconfirmed")
    used_at = used.get(asset.asset_id)
    return ShownTicket(asset, visit_date, visit_time, "Used" if used_at is not None else "Valid", used_at)
