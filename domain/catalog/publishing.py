"""Every fault in a catalog that is to be published, in one pass; and the catalog that a body without faults describes.

Where the contract is silent: a field that does not belong to an item's kind is `unknown_field` unless it says nothing
(null, false, empty); what an item or a package names twice is a `duplicate`; a package in a package is
`not_a_component`; a group ticket in a package is one asset, whatever its persons; VAT has at most four decimals;
a sale that ends before it begins is `out_of_range` at `saleTo`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType

from domain.catalog.admission_faults import admission_faults
from domain.catalog.body import AdmissionBody, CatalogBody, ComponentBody, ItemBody, SlotBody, VenueBody
from domain.catalog.item_faults import item_faults
from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.catalog.time_zones import TIME_ZONES
from domain.faults import Fault
from domain.money import MINOR_DIGITS, quantise
from domain.reading import Reader

CATALOG_READER: Final = Reader(CatalogBody)

T = TypeVar("T")


def catalog_faults(body: CatalogBody, venue_id: UUID | None) -> list[Fault]:
    """What is wrong with a catalog beyond its structure; fields that the reader left UNSET are passed over.

    `venue_id`: of the catalogs published before; None where there is none.
    """
    faults: list[Fault] = []
    decimals = None
    if body.venue is not UNSET:
        faults += _venue_faults(body.venue, venue_id)
        decimals = None if body.venue.currency_code is UNSET else MINOR_DIGITS.get(body.venue.currency_code)
    admissions = () if body.admissions is UNSET else body.admissions
    faults += admission_faults(admissions)
    if body.items is not UNSET:
        names = frozenset(
            place.admission for place in admissions if place is not UNSET and place.admission is not UNSET
        )
        faults += item_faults(body.items, decimals, names)
    return faults


def _venue_faults(venue: VenueBody, venue_id: UUID | None) -> Iterator[Fault]:
    if isinstance(venue.id, UUID) and venue_id is not None and venue.id != venue_id:
        yield Fault("/venue/id", "read_only", f"The venue's id is {venue_id} and cannot change.")
    if venue.time_zone is not UNSET and venue.time_zone not in TIME_ZONES:
        message = "Expected a name of the IANA time zone database, as in Europe/Copenhagen."
        yield Fault("/venue/timeZone", "unknown_time_zone", message)
    if venue.currency_code is not UNSET and venue.currency_code not in MINOR_DIGITS:
        yield Fault("/venue/currencyCode", "unknown_currency", "Expected a currency's code of ISO 4217, as in DKK.")


def given_venue_id(body: CatalogBody) -> UUID | None:
    """The venue's id that the body names, if it names one."""
    return body.venue.id or None if body.venue is not UNSET else None


def catalog_of(body: CatalogBody, venue_id: UUID) -> Catalog:
    """The catalog that a body describes, for the venue of this id. Raises ValueError for a body with faults."""
    venue = _known(body.venue)
    currency = _known(venue.currency_code)
    return Catalog(
        venue=Venue(
            id=venue_id,
            name=_known(venue.name),
            time_zone=_known(venue.time_zone),
            currency_code=currency,
            language=_known(venue.language).upper(),
        ),
        admissions=tuple(_admission(_known(admission)) for admission in _known(body.admissions)),
        items=tuple(_item(_known(item), currency) for item in _known(body.items)),
    )


def _known(value: T | UnsetType) -> T:
    if isinstance(value, UnsetType):
        raise ValueError("a catalog with faults cannot be published")
    return value


def _admission(body: AdmissionBody) -> Admission:
    return Admission(
        admission=_known(body.admission),
        description=_known(body.description),
        capacity=_known(body.capacity),
        closed=tuple(_known(day) for day in _known(body.closed)),
        slots=tuple(_slot(_known(slot)) for slot in _known(body.slots)),
    )


def _slot(body: SlotBody) -> Slot:
    return Slot(start=_known(body.start), end=_known(body.end))


def _item(body: ItemBody, currency: str) -> Item:
    return Item(
        item_number=_known(body.item_number),
        kind=_known(body.kind),
        description=_known(body.description),
        descriptions={language.upper(): _known(text) for language, text in _known(body.descriptions).items()},
        unit_price_incl_vat=quantise(_known(body.unit_price_incl_vat), currency),
        vat_percent=Decimal(0) + _known(body.vat_percent),  # without an exponent, and without the sign of -0
        number_pattern=_known(body.number_pattern),
        group_ticket=_known(body.group_ticket),
        admissions=tuple(_known(admission) for admission in _known(body.admissions)),
        components=tuple(_component(_known(component)) for component in _known(body.components) or ()),
        sale_from=_known(body.sale_from),
        sale_to=_known(body.sale_to),
    )


def _component(body: ComponentBody) -> Component:
    return Component(item_number=_known(body.item_number), quantity=_known(body.quantity))
