"""From an order's lines and the catalog in force to wallets with their tickets and coupons, and what they cost.

What can be issued has a function each; packages and group tickets take their places beside them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID

from domain.catalog.items import Catalog, Item, ItemKind, description
from domain.catalog.visits import visit_faults
from domain.crockford import checked_symbols
from domain.issuance.issuance import Asset, Issuance, IssuedLine, Wallet
from domain.issuance.issuer import IssuanceRefused
from domain.issuance.number_pattern import number_pattern
from domain.issuance.random_stream import RandomStream
from domain.money import excl_vat, quantise, totals
from domain.order.content import OrderContent, OrderLine, line_no, text_language

WALLET_REFERENCE_SYMBOLS: Final = 13
"""Random symbols of a wallet reference number, of a random byte each: 65 bits."""

_UUIDS_AT_ONCE: Final = 6  # two wallets with a ticket each; one at a time costs twice as much

LINES_NAMED: Final = 5
"""A refusal names at most so many lines: people read it, and it goes to Kafka."""


class Chance:
    """Draws ids and numbers for one order; no number twice in it, and none that the partner gave a wallet."""

    def __init__(self, seed: bytes, taken: Iterable[str]) -> None:
        self._random = RandomStream(seed)
        self._taken = set(taken)
        self._uuids: list[UUID] = []

    def uuid(self) -> UUID:
        if not self._uuids:
            self._uuids = self._random.uuids(_UUIDS_AT_ONCE)
        return self._uuids.pop()

    def wallet_reference_number(self) -> str:
        """`W` and 14 of Crockford's symbols, the last of them a check: 15 characters, to be read aloud at a gate."""
        return self._unique(lambda: "W" + checked_symbols(self._random.take(WALLET_REFERENCE_SYMBOLS)))

    def number(self, pattern: str) -> str:
        """A ticket's or coupon's number after the catalog's pattern."""
        compiled = number_pattern(pattern)
        return self._unique(lambda: compiled.generate(self._random.take))

    def _unique(self, draw: Callable[[], str]) -> str:
        number = draw()
        while number in self._taken:
            number = draw()
        self._taken.add(number)
        return number


def plan(
    content: OrderContent,
    catalog: Catalog | None,
    catalog_version: int,
    *,
    job_id: UUID,
    issued_at: datetime,
    seed: bytes,
    partner_language: str | None,
) -> Issuance:
    """All that the order asks for, minted. The same arguments give the same ids and numbers.

    `seed`: at least 32 secret bytes of this job alone. `partner_language`: of texts where the order names none.
    Raises IssuanceRefused for what the catalog in force cannot give.
    """
    if catalog is None:
        raise IssuanceRefused("unknown_item", "There is no catalog in force: nothing can be issued.")
    items = _items_of(content, catalog, issued_at)
    chance = Chance(seed, (number for line in content.lines for number in line.external_reference_numbers))
    currency = catalog.venue.currency_code
    fallback = partner_language or catalog.venue.language
    lines = []
    prices: list[tuple[Decimal, Decimal]] = []
    for line, item in zip(content.lines, items, strict=True):
        language = text_language(line.sell_to_language, content.sell_to_language, fallback)
        text = description(item, language)
        make_assets = _ASSETS_OF[item.kind]
        excl, incl = _prices(item.unit_price_incl_vat, item.vat_percent, currency)
        wallets = [
            Wallet(chance.uuid(), chance.wallet_reference_number(), excl, incl, make_assets(item, text, chance))
            for _ in range(item.wallet_count(line.quantity))
        ]
        prices += [(excl, incl)] * len(wallets)
        lines.append(IssuedLine(text, tuple(wallets)))
    return Issuance(job_id, catalog_version, issued_at, tuple(lines), totals(prices, currency))


@lru_cache(maxsize=4096)
def _prices(unit_price_incl_vat: Decimal, vat_percent: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """What a wallet costs without VAT and with it; a venue has few prices, and sells at them all day."""
    incl = quantise(unit_price_incl_vat, currency)
    return excl_vat(incl, vat_percent, currency), incl


# What an item becomes


def _ticket(item: Item, text: str, chance: Chance) -> tuple[Asset, ...]:
    return (_asset("ticket", item, text, chance),)


def _coupon(item: Item, text: str, chance: Chance) -> tuple[Asset, ...]:
    return (_asset("coupon", item, text, chance),)


_ASSETS_OF: Mapping[ItemKind, Callable[[Item, str, Chance], tuple[Asset, ...]]] = {
    "ticket": _ticket,
    "coupon": _coupon,
}


def _asset(kind: Literal["ticket", "coupon"], item: Item, text: str, chance: Chance) -> Asset:
    if item.number_pattern is None:
        raise ValueError(f"a {kind} without a number pattern: the catalog was not checked")
    number = chance.number(item.number_pattern)
    return Asset(chance.uuid(), kind, chance.uuid(), number, item.item_number, text)


# What cannot be issued any more


def _items_of(content: OrderContent, catalog: Catalog, now: datetime) -> list[Item]:
    """The item of each line. Raises IssuanceRefused, which names the lines that cannot be had."""
    items: list[Item] = []
    wrong: list[tuple[str, str]] = []
    for index, line in enumerate(content.lines):
        item = catalog.item(line.item_number)
        if item is None:
            wrong.append(_wrong(index, line, "unknown_item", "It is not in the venue's catalog any more."))
        elif item.item_number not in catalog.issuable:
            wrong.append(_wrong(index, line, "not_on_sale", "It is not on sale."))
        else:
            items.append(item)
            wrong += _visit_wrongs(index, line, item, catalog, now)
    if wrong:
        raise _refusal(wrong)
    return items


def _visit_wrongs(
    index: int, line: OrderLine, item: Item, catalog: Catalog, now: datetime
) -> Iterator[tuple[str, str]]:
    """A slot that ended while the order waited is issued: it was accepted in time, and is valid on its day."""
    for fault in visit_faults(catalog, item, line.visit_date, line.visit_time, now):
        if (fault.field, fault.code) != ("visitTime", "past_date"):
            yield _wrong(index, line, fault.code, fault.message)


def _wrong(index: int, line: OrderLine, code: str, sentence: str) -> tuple[str, str]:
    visit = f"{line.visit_date} {line.visit_time}"
    return code, f"Line {line_no(index)}: item {line.item_number} on {visit} cannot be issued. {sentence}"


def _refusal(wrong: list[tuple[str, str]]) -> IssuanceRefused:
    reason = wrong[0][0]
    message = " ".join(sentence for _, sentence in wrong[:LINES_NAMED])
    more = len(wrong) - LINES_NAMED
    return IssuanceRefused(reason, message if more <= 0 else f"{message} And {more} more.")
