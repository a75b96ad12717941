"""Who is let in: a ticket once, on its day, once it is paid; a wallet's tickets of the day together."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.issuance.issuance import Asset, IssuedLine
from domain.order.commands import CancelOrder, RedeemTickets
from domain.order.content import ComponentVisit
from domain.order.events import OrderConfirmed, OrderDrafted, OrderEvent, OrderIssued, RedeemedAsset, TicketsRedeemed
from domain.order.gate import ShownTicket, ShownWallet, destroyed, shown, shown_wallets
from domain.order.refusals import (
    HoldsUsedTicket,
    NotShown,
    PersonsOutOfRange,
    TicketAlreadyUsed,
    TicketNotToday,
    TicketUnconfirmed,
)
from domain.order.state import Cancelled, Issued, Order
from domain.personal import WalletName
from tests.unit.order.examples import (
    HISTORIES,
    IDENTITY,
    LINE,
    NOW,
    PAID,
    SCHEDULED,
    STARTED,
    UNPAID,
    issuance,
    order,
    submitted,
)

TODAY = date(2026, 12, 1)
TOMORROW = TODAY + timedelta(days=1)
LATER = NOW + timedelta(minutes=5)
EXAMPLE = issuance().lines[0].wallets[0]


def asset(number: str, *, kind: Literal["ticket", "coupon"] = "ticket", item: str = "31001", persons: int = 1) -> Asset:
    """Its assetId follows from its number: see `redeemed`."""
    return Asset(UUID(int=0), kind, UUID(bytes=number.encode().rjust(16)), number, item, "Day ticket", persons)


def history(*assets: Asset, tomorrow: str = "", external: str = "", paid: bool = True) -> Sequence[OrderEvent]:
    """A settled order of one wallet, W-1. `tomorrow`: the item that is for the day after all others."""
    visits = (ComponentVisit(tomorrow, TOMORROW, time(9)),) if tomorrow else ()
    line = replace(LINE, wallet_names=(WalletName("Jane"),), component_schedule=visits)
    line = replace(line, external_reference_numbers=(external,)) if external else line
    wallet = replace(EXAMPLE, wallet_reference_number="W-1", assets=assets)
    minted = replace(issuance(), lines=(IssuedLine("Family day", (wallet,)),))
    content = replace(PAID if paid else UNPAID, lines=(line,))
    settled = (OrderIssued if paid else OrderDrafted)(order=IDENTITY, revision=1, issuance=minted)
    return (submitted(content), SCHEDULED, STARTED, settled)


def redeem(reference: str, persons: int | None = None, *, today: date = TODAY, now: datetime = NOW) -> RedeemTickets:
    return RedeemTickets(reference, persons, today, now)


def redeemed(*numbers: str, persons: int = 1, at: datetime = NOW) -> TicketsRedeemed:
    assets = tuple([RedeemedAsset(asset(number).asset_id, persons) for number in numbers])
    return TicketsRedeemed(order=IDENTITY, revision=1, assets=assets, used_at=at)


def statuses(state: Order) -> dict[str, str]:
    return {
        ticket.asset.reference_number: ticket.status for wallet in shown_wallets(state) for ticket in wallet.tickets
    }


# A ticket


def test_a_valid_ticket_is_used_on_its_day() -> None:
    state = order.given(*history(asset("T-1"), asset("T-2"))).when(redeem("T-1")).then(redeemed("T-1"))
    assert statuses(state) == {"T-1": "Used", "T-2": "Valid"}
    ticket = shown(state, "T-1")
    assert isinstance(ticket, ShownTicket)
    assert (ticket.visit_date, ticket.visit_time, ticket.used_at) == (TODAY, time(10, 30), NOW)


def test_a_coupon_likewise() -> None:
    order.given(*history(asset("C-1", kind="coupon"))).when(redeem("C-1")).then(redeemed("C-1"))


def test_a_used_ticket_is_refused_with_the_time_of_its_use() -> None:
    given = order.given(*history(asset("T-1")), redeemed("T-1"))
    given.when(redeem("T-1", now=LATER)).then_refused(TicketAlreadyUsed, used_at=NOW)


@pytest.mark.parametrize("today", [TODAY - timedelta(days=1), TOMORROW])
def test_on_another_day_a_valid_ticket_lets_nobody_in(today: date) -> None:
    given = order.given(*history(asset("T-1")))
    given.when(redeem("T-1", today=today)).then_refused(
        TicketNotToday, current_status="Valid", visit_date=TODAY, today=today
    )


def test_why_it_is_not_its_day_is_told_in_words() -> None:
    assert str(TicketNotToday(TOMORROW, TODAY)) == "This is for 2026-12-02, and today is 2026-12-01."


def test_a_used_ticket_reads_used_on_every_day() -> None:
    given = order.given(*history(asset("T-1")), redeemed("T-1"))
    given.when(redeem("T-1", today=TOMORROW)).then_refused(TicketAlreadyUsed)


def test_an_unconfirmed_ticket_lets_nobody_in_until_its_order_is_confirmed() -> None:
    draft = history(asset("T-1"), paid=False)
    assert statuses(order.after(draft)) == {"T-1": "Unconfirmed"}
    order.given(*draft).when(redeem("T-1")).then_refused(TicketUnconfirmed, current_status="Unconfirmed")
    confirmed = OrderConfirmed(order=IDENTITY, revision=1, payment_reference="PAY-1")
    order.given(*draft, confirmed).when(redeem("T-1")).then(redeemed("T-1"))


@pytest.mark.parametrize("reference", ["T-2", "t-1", "T-1 ", ""])
def test_a_reference_that_the_order_does_not_show_is_refused(reference: str) -> None:
    order.given(*history(asset("T-1"))).when(redeem(reference)).then_refused(NotShown)


@pytest.mark.parametrize("status", sorted(HISTORIES.keys() - {"Draft", "Issued"}))
def test_what_has_no_tickets_shows_nothing(status: str) -> None:
    order.given(*HISTORIES[status]).when(redeem("T000000000001ABCDEF")).then_refused(NotShown)


# A group


@pytest.mark.parametrize(("came", "let_in"), [(None, 20), (1, 1), (18, 18), (20, 20)])
def test_of_a_group_as_many_come_in_as_came_and_its_ticket_is_used_whole(came: int | None, let_in: int) -> None:
    given = order.given(*history(asset("G-1", persons=20)))
    state = given.when(redeem("G-1", came)).then(redeemed("G-1", persons=let_in))
    assert statuses(state) == {"G-1": "Used"}


@pytest.mark.parametrize(("persons", "came"), [(20, 0), (20, 21), (20, -1), (1, 2), (1, 0)])
def test_more_persons_than_a_ticket_is_for_or_none_are_refused(persons: int, came: int) -> None:
    given = order.given(*history(asset("G-1", persons=persons)))
    given.when(redeem("G-1", came)).then_refused(PersonsOutOfRange, most=persons)


def test_whether_it_lets_in_at_all_comes_before_how_many() -> None:
    given = order.given(*history(asset("G-1", persons=20)), redeemed("G-1"))
    given.when(redeem("G-1", 21)).then_refused(TicketAlreadyUsed)


# A wallet


@pytest.mark.parametrize("reference", ["W-1", "JD-1"])
def test_a_wallets_references_use_every_valid_ticket_of_the_day_and_no_coupon(reference: str) -> None:
    whole = history(asset("T-1"), asset("T-2"), asset("C-1", kind="coupon"), external="JD-1")
    state = order.given(*whole).when(redeem(reference)).then(redeemed("T-1", "T-2"))
    assert statuses(state) == {"T-1": "Used", "T-2": "Used", "C-1": "Valid"}
    wallet = shown(state, reference)
    assert isinstance(wallet, ShownWallet)
    assert wallet[:2] == ("W-1", "JD-1")
    assert wallet.name is not None


def test_without_an_external_reference_number_the_wallets_own_stands_for_it() -> None:
    wallet = shown(order.after(history(asset("T-1"))), "W-1")
    assert isinstance(wallet, ShownWallet)
    assert (wallet.external_reference_number, wallet.description) == ("W-1", "Family day")


def test_a_wallet_of_coupons_alone_uses_them() -> None:
    whole = history(asset("C-1", kind="coupon"), asset("C-2", kind="coupon"))
    order.given(*whole).when(redeem("W-1")).then(redeemed("C-1", "C-2"))


def test_a_wallets_used_tickets_are_left_out() -> None:
    given = order.given(*history(asset("T-1"), asset("T-2")), redeemed("T-1"))
    given.when(redeem("W-1", now=LATER)).then(redeemed("T-2", at=LATER))


def test_a_wallet_whose_tickets_were_all_used_tells_when_the_last_one_was() -> None:
    given = order.given(*history(asset("T-1"), asset("T-2")), redeemed("T-1"), redeemed("T-2", at=LATER))
    given.when(redeem("W-1")).then_refused(TicketAlreadyUsed, used_at=LATER)


def test_a_package_lets_in_on_each_day_with_the_tickets_of_that_day() -> None:
    whole = history(asset("T-1"), asset("T-2", item="31002"), tomorrow="31002")
    state = order.given(*whole).when(redeem("W-1")).then(redeemed("T-1"))
    # Who comes again on the first day hears of that day's ticket, not that the other one is for tomorrow.
    order.given_state(state).when(redeem("W-1", now=LATER)).then_refused(TicketAlreadyUsed, used_at=NOW)
    order.given_state(state).when(redeem("W-1", today=TOMORROW, now=LATER)).then(redeemed("T-2", at=LATER))
    order.given_state(state).when(redeem("W-1", today=TOMORROW + timedelta(days=1))).then_refused(
        TicketNotToday, visit_date=TOMORROW
    )


def test_before_its_first_day_a_package_tells_the_next_day_that_it_is_for() -> None:
    whole = history(asset("T-2", item="31002"), asset("T-1"), tomorrow="31002")
    given = order.given(*whole)
    given.when(redeem("W-1", today=TODAY - timedelta(days=1))).then_refused(TicketNotToday, visit_date=TODAY)


def test_of_a_wallet_the_persons_are_those_of_each_group_ticket() -> None:
    given = order.given(*history(asset("G-1", persons=20), asset("G-2", persons=25), asset("T-1")))
    events = given.when(redeem("W-1", 18))
    events.then(replace(redeemed("G-1", "G-2", persons=18), assets=_with_one_for("T-1", "G-1", "G-2", persons=18)))
    given.when(redeem("W-1", 21)).then_refused(PersonsOutOfRange, most=20)


def _with_one_for(single: str, *groups: str, persons: int) -> tuple[RedeemedAsset, ...]:
    return (*redeemed(*groups, persons=persons).assets, *redeemed(single).assets)


# What follows for the order


def test_an_order_with_a_used_ticket_is_not_cancelled() -> None:
    given = order.given(*history(asset("T-1"), asset("T-2")), redeemed("T-1"))
    given.when(CancelOrder()).then_refused(HoldsUsedTicket, current_status="Issued")


def test_using_a_ticket_leaves_the_rest_of_the_order_as_it_was() -> None:
    before = order.after(history(asset("T-1")))
    after = order.given_state(before).when(redeem("T-1")).then(redeemed("T-1"))
    assert isinstance(after, Issued)
    assert replace(after, used=()) == before


# What was destroyed


def test_a_destroyed_tickets_number_reads_void_and_a_wallets_is_gone() -> None:
    events = HISTORIES["Cancelled"]
    states = [order.after(events[:count]) for count in range(len(events) + 1)]
    assert isinstance(states[-1], Cancelled)
    ticket = destroyed(states, "T000000000001ABCDEF")
    assert ticket is not None
    assert (ticket.status, ticket.used_at, ticket.visit_date) == ("Void", None, TODAY)
    assert destroyed(states, "W00000000000000") is None
    assert destroyed(states, "T-unknown") is None
    assert shown(states[-1], "T000000000001ABCDEF") is None


def test_an_order_that_was_replaced_shows_its_new_tickets_and_the_old_ones_are_void() -> None:
    old, new = order.after(history(asset("T-old"), paid=False)), order.after(history(asset("T-new")))
    assert destroyed([old, new], "T-old") is not None
    assert shown(new, "T-old") is None
    assert isinstance(shown(new, "T-new"), ShownTicket)


def test_wallets_stand_in_the_order_of_the_lines() -> None:
    first, second = (replace(EXAMPLE, wallet_reference_number=number) for number in ("W-1", "W-2"))
    lines = tuple(IssuedLine("Day ticket", (wallet,)) for wallet in (first, second))
    minted = replace(issuance(), lines=lines)
    state = Issued(order=IDENTITY, content=replace(PAID, lines=(LINE, LINE)), revision=1, issuance=minted)
    assert [wallet.wallet_reference_number for wallet in shown_wallets(state)] == ["W-1", "W-2"]
