"""What a manifest shows of an order, in whose language."""

from __future__ import annotations

from datetime import date, time

import pytest

from domain.order.content import ComponentVisit
from services.manifests.contents import Manifest, Ticket
from tests.unit.manifests.tickets import coupon, line, number, order, shown, ticket


def tickets(made: Manifest) -> list[Ticket]:
    return [ticket for wallet in made.wallets for ticket in wallet.tickets]


def test_every_wallet_of_an_order_is_shown_in_its_order() -> None:
    made = shown(order(line("Ada", "Ben"), line(None)))
    assert (made.venue, made.order_reference, made.sheets) == ("Harbour Museum", "CM-7KQ2M-9XD4T-8HF2", 3)
    assert [(wallet.name, [one.number for one in wallet.tickets]) for wallet in made.wallets] == [
        ("Ada", [number(0)]),
        ("Ben", [number(1)]),
        ("", [number(2)]),
    ]


def test_of_a_wallet_nothing_else_is_shown() -> None:
    made = shown(order(line("Ada", "Ben"), line("Cleo", language="DAN")), 2)
    assert (made.sheets, made.texts.tag) == (1, "da")
    assert [wallet.name for wallet in made.wallets] == ["Cleo"]


@pytest.mark.parametrize(
    ("of_line", "of_order", "of_partner", "tag"),
    [("DAN", "ENU", "ENU", "da"), (None, "DAN", "DEU", "de"), ("XXX", "DAN", "DAN", "en"), (None, None, None, "en")],
)
def test_a_wallet_speaks_its_lines_language(
    of_line: str | None, of_order: str | None, of_partner: str | None, tag: str
) -> None:
    # A line that clears the order's language (None) takes the partner's, else the venue's.
    (wallet,) = shown(order(line("Ada", language=of_line), language=of_order), partner=of_partner).wallets
    assert wallet.texts.tag == tag


def test_what_was_used_says_when_by_the_venues_clock() -> None:
    first, second = tickets(shown(order(line("Ada", "Ben"), used=1)))
    assert (first.is_used, first.status) == (True, "Used Dec 1, 2026, 10:42\u202fAM")
    assert (second.is_used, second.status) == (False, "Valid")


def test_each_part_of_a_package_has_its_own_visit() -> None:
    schedule = (ComponentVisit("31005", date(2026, 12, 2), time(14)),)
    made = shown(order(line("Ada", schedule=schedule, language="DAN"), assets=[ticket("Tour", "31005"), coupon()]))
    assert [(one.kind, one.description, one.visit) for one in tickets(made)] == [
        ("Billet", "Tour", "onsdag den 2. december 2026 kl.\u00a014.00"),
        ("Kupon", "Coffee", "tirsdag den 1. december 2026 kl.\u00a010.30"),
    ]


def test_a_group_ticket_says_for_how_many_it_is() -> None:
    assert [one.persons for one in tickets(shown(order(line("Class 5b"), assets=[ticket(persons=24)])))] == [24]


def test_the_reference_is_the_one_that_the_partner_gave() -> None:
    made = shown(order(line("Ada", references=("JD-1",)), line("Ben")))
    assert [wallet.reference for wallet in made.wallets] == ["JD-1", "W00000000000001"]


def test_a_name_is_shown_in_one_line() -> None:
    (wallet,) = shown(order(line("  Ada\n\n\u2028 Nord\t"))).wallets
    assert wallet.name == "Ada Nord"
