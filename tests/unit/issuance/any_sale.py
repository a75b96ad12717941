"""Any catalog that can be published, and any order that it accepts."""

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.money import MINOR_DIGITS
from domain.order.content import ComponentVisit, OrderContent, OrderLine
from domain.personal import WalletName

FORMS: Final = {
    "T[N*12][A*6]": r"T[0-9]{12}[A-Z]{6}",
    "[AN*13]": r"[0-9A-Z]{13}",
    "a.b_c-[N*20]": r"a\.b_c-[0-9]{20}",
    "[A*7]x[A*7]": r"[A-Z]{7}x[A-Z]{7}",
    "[AN*50]": r"[0-9A-Z]{50}",
}
"""Patterns, each with the form of its numbers."""

ADMISSIONS = (
    Admission("MAIN", capacity=500, closed=(date(2026, 12, 24),)),
    Admission("TOUR", capacity=20, slots=(Slot(time(10), time(11)), Slot(time(14), time(15, 30)))),
)
_DAYS = (date(2026, 11, 24), date(2026, 12, 1), date(2027, 3, 28))
_TIMES = (time(10), time(10, 59, 59), time(14, 30))
_VAT = tuple(Decimal(percent) for percent in ("0", "5", "8.125", "10.0", "19", "21.7", "25", "33.3333", "100"))
_LANGUAGES = (None, "ENU", "DAN", "DEU")
_CURRENCIES = ("JPY", "DKK", "EUR", "KWD", "CLF")
_MOST_ASSETS = 20


class Sale(NamedTuple):
    catalog: Catalog
    content: OrderContent
    seed: bytes


def any_sale(chance: Random) -> Sale:
    """Everything in it is from `chance`: one draw of hypothesis's, for a draw each would take ten times as long."""
    currency = chance.choice(_CURRENCIES)
    parts = [_part(str(number), chance, MINOR_DIGITS[currency]) for number in range(chance.randint(1, 4))]
    packages = [_package(f"P{number}", parts, chance, MINOR_DIGITS[currency]) for number in range(chance.randint(0, 2))]
    venue = Venue(UUID(int=1), "Museum", "Europe/Copenhagen", currency, chance.choice(("ENU", "DAN")))
    items = (*parts, *packages)
    lines = tuple([_line(index, chance.choice(items), chance) for index in range(chance.randint(1, 4))])
    content = OrderContent(lines, sell_to_language=chance.choice(_LANGUAGES))
    return Sale(Catalog(venue, ADMISSIONS, items), content, chance.randbytes(32))


def _price(chance: Random, digits: int) -> Decimal:
    """From nothing to the dearest, many of them small, written with fewer decimals too."""
    most = chance.choice((10, 1000, 10**5, 10**9 * 10**digits))
    price = Decimal(chance.randint(0, most)).scaleb(-digits)
    return price.normalize() if chance.random() < 0.3 else price


def _part(number: str, chance: Random, digits: int) -> Item:
    is_ticket = chance.random() < 0.7
    return Item(
        number,
        "ticket" if is_ticket else "coupon",
        f"Item {number}",
        _price(chance, digits),
        chance.choice(_VAT),
        descriptions={"DAN": f"Vare {number}"} if chance.random() < 0.5 else {},
        number_pattern=chance.choice(tuple(FORMS)),
        group_ticket=is_ticket and chance.random() < 0.4,
        admissions=chance.choice(((), ("MAIN",), ("TOUR",), ("MAIN", "TOUR"))) if is_ticket else (),
    )


def _package(number: str, parts: Sequence[Item], chance: Random, digits: int) -> Item:
    held: list[Component] = []
    room = _MOST_ASSETS
    for part in chance.sample(parts, chance.randint(1, len(parts))):
        quantity = chance.randint(1, 9999 if part.group_ticket else min(4, room))
        room -= 1 if part.group_ticket else quantity
        held.append(Component(part.item_number, quantity))
    return Item(
        number, "package", f"Package {number}", _price(chance, digits), chance.choice(_VAT), components=(*held,)
    )


def _line(index: int, item: Item, chance: Random) -> OrderLine:
    quantity = chance.choice((1, 2, 9999)) if item.group_ticket else chance.choice((1, 1, 2, 5))
    wallets = item.wallet_count(quantity)
    names = [WalletName(f"Guest {wallet}") if chance.random() < 0.5 else None for wallet in range(wallets)]
    external = [f"X-{index}-{wallet}" if chance.random() < 0.5 else "" for wallet in range(wallets)]
    scheduled = [component for component in item.components if chance.random() < 0.5]
    return OrderLine(
        item.item_number,
        quantity,
        chance.choice(_DAYS),
        chance.choice(_TIMES),
        description=item.description,
        is_package=item.is_package,
        sell_to_language=chance.choice((*_LANGUAGES, "FRA")),
        wallet_names=tuple(names) if any(names) else (),
        external_reference_numbers=tuple(external) if any(external) else (),
        component_schedule=tuple(
            [ComponentVisit(part.item_number, chance.choice(_DAYS), chance.choice(_TIMES)) for part in scheduled]
        ),
    )
