"""The catalog as partners see it: what is on sale, with prices and visiting times, without the venue's own figures.

Of the HTTP contract, "What can be bought". Where the contract is silent: an item is on sale until the last day for
which it is sold is over, also where its first such day is still to come; a package tells what its components are, since
they may be sold in it alone; admissions are those that something on sale lets in to; capacities are told day by day, by
`availability.py`.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.catalog.items import Catalog, Item, ItemKind
from domain.money import excl_vat, quantise


class VenueOnSale(Struct, frozen=True, rename="camel"):
    """Whose catalog it is. Dates and times are in its `time_zone`, prices in its currency."""

    id: UUID
    name: str
    time_zone: str
    currency_code: str
    language: str


class SlotOnSale(Struct, frozen=True, rename="camel"):
    """Part of a day, on the venue's wall clock: start ≤ t < end."""

    start: time
    end: time


class AdmissionOnSale(Struct, frozen=True, rename="camel"):
    """Somewhere that tickets let in. `slots`: of a timed one; the visit time must lie in one of them."""

    admission: str
    description: str
    closed: tuple[date, ...]
    slots: tuple[SlotOnSale, ...] | UnsetType = UNSET


class ComponentOnSale(Struct, frozen=True, rename="camel"):
    """What a package holds; `admissions` of a ticket alone."""

    item_number: str
    quantity: int
    kind: ItemKind
    description: str
    descriptions: Mapping[str, str]
    admissions: tuple[str, ...] | UnsetType = UNSET


class ItemOnSale(Struct, frozen=True, rename="camel"):
    """What can be ordered. `sale_from`, `sale_to`: bound the visit date, inclusive; None is open.

    `group_ticket`, `admissions`: of a ticket alone. `components`: of a package alone.
    """

    item_number: str
    kind: ItemKind
    description: str
    descriptions: Mapping[str, str]
    unit_price_excl_vat: Decimal
    unit_price_incl_vat: Decimal
    vat_percent: Decimal
    sale_from: date | None
    sale_to: date | None
    group_ticket: bool | UnsetType = UNSET
    admissions: tuple[str, ...] | UnsetType = UNSET
    components: tuple[ComponentOnSale, ...] | UnsetType = UNSET


class CatalogOnSale(Struct, frozen=True, rename="camel"):
    """What can be bought, of this version of the catalog."""

    version: int
    venue: VenueOnSale
    admissions: tuple[AdmissionOnSale, ...]
    items: tuple[ItemOnSale, ...]


def on_sale(catalog: Catalog, version: int, today: date) -> CatalogOnSale:
    """What is on sale on this day. Prices have exactly the currency's decimals: encode Decimals as numbers."""
    items = [item for item in catalog.items if item.sale_to is None or item.sale_to >= today]
    visited = (one for item in items for one in (item, *(held for held, _ in catalog.components_of(item))))
    let_in = {admission for one in visited for admission in one.admissions}
    venue = catalog.venue
    return CatalogOnSale(
        version=version,
        venue=VenueOnSale(venue.id, venue.name, venue.time_zone, venue.currency_code, venue.language),
        admissions=tuple(_admissions(catalog, let_in)),
        items=tuple(_item(catalog, item) for item in items),
    )


def _admissions(catalog: Catalog, let_in: set[str]) -> Iterator[AdmissionOnSale]:
    for admission in catalog.admissions:
        if admission.admission in let_in:
            slots = tuple(SlotOnSale(slot.start, slot.end) for slot in admission.slots)
            yield AdmissionOnSale(admission.admission, admission.description, admission.closed, slots or UNSET)


def _item(catalog: Catalog, item: Item) -> ItemOnSale:
    currency = catalog.venue.currency_code
    is_ticket = item.kind == "ticket"
    return ItemOnSale(
        item_number=item.item_number,
        kind=item.kind,
        description=item.description,
        descriptions=item.descriptions,
        unit_price_excl_vat=excl_vat(item.unit_price_incl_vat, item.vat_percent, currency),
        unit_price_incl_vat=quantise(item.unit_price_incl_vat, currency),
        vat_percent=item.vat_percent,
        sale_from=item.sale_from,
        sale_to=item.sale_to,
        group_ticket=item.group_ticket if is_ticket else UNSET,
        admissions=item.admissions if is_ticket else UNSET,
        components=tuple(_components(catalog, item)) if item.is_package else UNSET,
    )


def _components(catalog: Catalog, item: Item) -> Iterator[ComponentOnSale]:
    for held, quantity in catalog.components_of(item):
        yield ComponentOnSale(
            item_number=held.item_number,
            quantity=quantity,
            kind=held.kind,
            description=held.description,
            descriptions=held.descriptions,
            admissions=held.admissions if held.kind == "ticket" else UNSET,
        )
