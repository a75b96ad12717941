"""The body of `PUT /admin/catalog`, as the operators' API has it. What can be wrong with it is in `publishing.py`.

Where the contract is silent: an admission's name is 1-20 characters long, as an item number is; other texts up to 250
(an item's and the venue's cannot be empty); languages 1-10, as in orders, and upper-cased; prices go from 0 to a
thousand million, VAT from 0 to 100 percent, capacities to a million; a catalog may be empty, and so may every array but
a package's components.
"""

from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, UnsetType

from domain.catalog.items import DEFAULT_LANGUAGE, ItemKind
from domain.reading import FilledText10, FilledText20, FilledText250, Ignored, IsoDate, Text250, TimeOfDay, Uuid

Price: TypeAlias = Annotated[Decimal, Meta(extra={"minimum": Decimal(0), "maximum": Decimal(1_000_000_000)})]
Percent: TypeAlias = Annotated[Decimal, Meta(extra={"minimum": Decimal(0), "maximum": Decimal(100)})]
Capacity: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
ComponentQuantity: TypeAlias = Annotated[int, Meta(ge=1, le=9999)]


class VenueBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`id`: one is made where none is given, and it cannot change later."""

    name: FilledText250 | UnsetType
    time_zone: FilledText250 | UnsetType
    currency_code: FilledText250 | UnsetType
    id: Uuid | UnsetType | None = None
    language: FilledText10 | UnsetType = DEFAULT_LANGUAGE


class SlotBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """On the venue's wall clock; it ends on the day on which it starts."""

    start: TimeOfDay | UnsetType
    end: TimeOfDay | UnsetType


class AdmissionBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`capacity`: absent or null is unlimited."""

    admission: FilledText20 | UnsetType
    description: Text250 | UnsetType = ""
    capacity: Capacity | UnsetType | None = None
    closed: Annotated[tuple[IsoDate | UnsetType, ...], Meta(max_length=3660)] | UnsetType = ()
    slots: Annotated[tuple[SlotBody | UnsetType, ...], Meta(max_length=1440)] | UnsetType = ()


class ComponentBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Part of a package."""

    item_number: FilledText20 | UnsetType
    quantity: ComponentQuantity | UnsetType = 1


class ItemBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What can be ordered; which fields belong to which kind is a matter of `publishing.py`."""

    item_number: FilledText20 | UnsetType
    kind: ItemKind | UnsetType
    description: FilledText250 | UnsetType
    unit_price_incl_vat: Price | UnsetType
    vat_percent: Percent | UnsetType
    descriptions: Annotated[dict[FilledText10, FilledText250 | UnsetType], Meta(max_length=100)] | UnsetType = {}
    number_pattern: FilledText250 | UnsetType | None = None
    group_ticket: bool | UnsetType = False
    admissions: Annotated[tuple[FilledText20 | UnsetType, ...], Meta(max_length=100)] | UnsetType = ()
    components: Annotated[tuple[ComponentBody | UnsetType, ...], Meta(max_length=100)] | UnsetType | None = None
    sale_from: IsoDate | UnsetType | None = None
    sale_to: IsoDate | UnsetType | None = None


class CatalogBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A whole catalog. `version` is what an answer adds, and is ignored."""

    venue: VenueBody | UnsetType
    items: Annotated[tuple[ItemBody | UnsetType, ...], Meta(max_length=10_000)] | UnsetType
    admissions: Annotated[tuple[AdmissionBody | UnsetType, ...], Meta(max_length=1000)] | UnsetType = ()
    version: Ignored = None
