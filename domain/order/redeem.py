"""Letting guests in: which tickets a reference stands for today, and why nobody is let in on it.

Of the HTTP contract, "Guests and the gate". A ticket is used whole and once, whoever else of its group comes later.
"""

from collections.abc import Sequence
from datetime import date

from domain.order.commands import RedeemTickets
from domain.order.events import OrderEvent, RedeemedAsset, TicketsRedeemed
from domain.order.gate import Shown, ShownTicket, ShownWallet, shown
from domain.order.refusals import NotShown, PersonsOutOfRange, TicketAlreadyUsed, TicketNotToday, TicketUnconfirmed
from domain.order.state import Issued, Order


def redeem(state: Order, command: RedeemTickets) -> list[OrderEvent]:
    """A ticket's or coupon's own number: that one. A wallet's reference or external reference number: see `_taken`.

    Raises NotShown, TicketAlreadyUsed, TicketUnconfirmed, TicketNotToday, PersonsOutOfRange.
    """
    found = shown(state, command.reference)
    if found is None:
        raise NotShown
    if not isinstance(state, Issued):
        raise TicketUnconfirmed
    tickets = _taken(found, command.today)
    persons = _persons(tickets, command.persons)
    assets = tuple(RedeemedAsset(ticket.asset.asset_id, came) for ticket, came in zip(tickets, persons, strict=True))
    return [TicketsRedeemed(order=state.order, revision=state.revision, assets=assets, used_at=command.now)]


def _taken(found: Shown, today: date) -> Sequence[ShownTicket]:
    """The tickets that are used: all that are Valid and of today; of a wallet, coupons only where it has no tickets.

    Where there is none, those of today say why, if there are any: that a package's other ticket is for tomorrow is no
    answer to who shows the one that was used this morning.
    """
    tickets = _of(found)
    of_today = [ticket for ticket in tickets if ticket.visit_date == today]
    taken = [ticket for ticket in of_today if ticket.status == "Valid"]
    if taken:
        return taken
    asked = of_today or tickets
    if all(ticket.status == "Used" for ticket in asked):
        raise TicketAlreadyUsed(max(ticket.used_at for ticket in asked if ticket.used_at is not None))
    days = [ticket.visit_date for ticket in asked if ticket.status == "Valid"]
    raise TicketNotToday(min((day for day in days if day > today), default=max(days)), today)


def _of(found: Shown) -> Sequence[ShownTicket]:
    match found:
        case ShownTicket():
            return [found]
        case ShownWallet(tickets=held):
            return [ticket for ticket in held if ticket.is_ticket] or held


def _persons(tickets: Sequence[ShownTicket], came: int | None) -> Sequence[int]:
    """How many came in on each ticket. `came`: on each that is for a group, at most the smallest one's; None: all.

    A ticket for one lets one in, so that a wallet's tickets for one beside a group's are used with it.
    """
    if came is None:
        return [ticket.asset.persons for ticket in tickets]
    most = min((ticket.asset.persons for ticket in tickets if ticket.asset.persons > 1), default=1)
    if not 1 <= came <= most:
        raise PersonsOutOfRange(most)
    return [came if ticket.asset.persons > 1 else 1 for ticket in tickets]
