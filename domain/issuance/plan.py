"""From an order's lines and a catalog to wallets with their tickets and coupons, and what they cost.

Of the operators' API, "What a line becomes" and "Prices". Names and external reference numbers stand in the order's
lines; where a wallet has none of its own, answers show the line's description, and the wallet's reference number.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Final, Literal, NamedTuple
from uuid import UUID

from domain.catalog.items import Catalog, Item, description
from domain.crockford import checked_symbols
from domain.issuance.issuance import Asset, Issuance, IssuedLine, Wallet
from domain.issuance.issuer import IssuanceRefused
from domain.issuance.line_items import items_of
from domain.issuance.number_pattern import number_pattern
from domain.issuance.random_stream import RandomStream
from domain.money import excl_vat, quantise, totals
from domain.order.content import OrderContent, text_language
from domain.order.submission import MAX_WALLETS

WALLET_REFERENCE_SYMBOLS: Final = 13
"""Random symbols of a wallet reference number, of a random byte each: 65 bits."""

_UUIDS_AT_ONCE: Final = 6  # two wallets with a ticket each; one at a time costs twice as much


class Chance:
    """Draws ids and numbers for one order; no number twice in it, and none of those that are taken."""

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
    avoid: Collection[str] = (),
    max_wallets: int = MAX_WALLETS,
) -> Issuance:
    """All that the order asks for, minted. The same arguments give the same ids and numbers.

    `seed`: at least 32 secret bytes of this job alone. `partner_language`: of texts where the order names none.
    `avoid`: numbers that others have, which are not drawn. `max_wallets`: of an order.
    Raises IssuanceRefused for what the catalog cannot give.
    """
    if catalog is None:
        raise IssuanceRefused("unknown_item", "There is no catalog in force: nothing can be issued.")
    items = items_of(content, catalog, issued_at, max_wallets)
    chance = Chance(seed, chain(avoid, *(line.external_reference_numbers for line in content.lines)))
    currency = catalog.venue.currency_code
    fallback = partner_language or catalog.venue.language
    lines = []
    prices: list[tuple[Decimal, Decimal]] = []
    for line, item in zip(content.lines, items, strict=True):
        language = text_language(line.sell_to_language, content.sell_to_language, fallback)
        parts = _parts(item, line.quantity, catalog, language)
        excl, incl = _prices(
            item.unit_price_incl_vat, item.vat_percent, line.quantity if item.group_ticket else 1, currency
        )
        wallets = [
            Wallet(
                chance.uuid(), chance.wallet_reference_number(), excl, incl, tuple([_asset(p, chance) for p in parts])
            )
            for _ in range(item.wallet_count(line.quantity))
        ]
        prices += [(excl, incl)] * len(wallets)
        lines.append(IssuedLine(description(item, language), tuple(wallets)))
    return Issuance(job_id, catalog_version, issued_at, tuple(lines), totals(prices, currency))


@lru_cache(maxsize=4096)
def _prices(unit_price_incl_vat: Decimal, vat_percent: Decimal, units: int, currency: str) -> tuple[Decimal, Decimal]:
    """What a wallet costs without VAT and with it; a venue has few prices, and sells at them all day."""
    incl = quantise(unit_price_incl_vat * units, currency)
    return excl_vat(incl, vat_percent, currency), incl


# What a line becomes


class _Part(NamedTuple):
    """A ticket or coupon of a wallet, as its item has it; only its numbers are still to be drawn."""

    kind: Literal["ticket", "coupon"]
    item_number: str
    description: str
    pattern: str
    persons: int


def _parts(item: Item, quantity: int, catalog: Catalog, language: str) -> list[_Part]:
    """What each wallet of a line holds, in the order of a package's components."""
    if not item.is_package:
        return _parts_of(item, quantity if item.group_ticket else 1, language)
    parts: list[_Part] = []
    for held, count in catalog.components_of(item):
        parts += _parts_of(held, count, language)
    return parts


def _parts_of(item: Item, quantity: int, language: str) -> list[_Part]:
    """So many tickets or coupons; of a group ticket one, for so many persons."""
    if item.kind == "package" or item.number_pattern is None:
        raise ValueError(f"a {item.kind} without a number pattern: the catalog was not checked")
    persons, count = (quantity, 1) if item.group_ticket else (1, quantity)
    return [_Part(item.kind, item.item_number, description(item, language), item.number_pattern, persons)] * count


def _asset(part: _Part, chance: Chance) -> Asset:
    number = chance.number(part.pattern)
    return Asset(chance.uuid(), part.kind, chance.uuid(), number, part.item_number, part.description, part.persons)
