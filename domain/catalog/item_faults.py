"""What can be wrong with the items of a catalog, each in itself and among the others."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from domain.catalog.body import ComponentBody, ItemBody
from domain.catalog.items import ItemKind
from domain.faults import Fault, Token, pointer_to, until_enough
from domain.issuance.number_pattern import BadPattern, number_pattern
from domain.money import decimals_of

MOST_ASSETS: Final = 20
"""A package's wallet holds no more tickets and coupons than this."""

MOST_VAT_DECIMALS: Final = 4

# The fields that an item of a kind cannot have: their names in JSON and in the Struct.
_FOREIGN_FIELDS: Final[Mapping[ItemKind, Mapping[str, str]]] = {
    "ticket": {"components": "components"},
    "coupon": {"groupTicket": "group_ticket", "admissions": "admissions", "components": "components"},
    "package": {"numberPattern": "number_pattern", "groupTicket": "group_ticket", "admissions": "admissions"},
}


class Surroundings(NamedTuple):
    """What items are checked against. `decimals`: the currency's; None where the currency is not known."""

    decimals: int | None
    admissions: frozenset[str]
    items: Mapping[str, ItemBody]


def item_faults(
    items: tuple[ItemBody | UnsetType, ...], decimals: int | None, admissions: frozenset[str]
) -> list[Fault]:
    """Everything wrong with the items; what is UNSET is passed over. `decimals`: the currency's, None: not known."""
    first: dict[str, ItemBody] = {}
    present = [(index, item) for index, item in enumerate(items) if item is not UNSET]
    faults = until_enough(_duplicate_faults(index, item, first) for index, item in present)
    surroundings = Surroundings(decimals, admissions, first)
    return faults + until_enough(_faults_in(index, item, surroundings) for index, item in present)


def _duplicate_faults(index: int, item: ItemBody, first: dict[str, ItemBody]) -> Iterator[Fault]:
    """`first`: the first item of each number, to which this one is added."""
    if item.item_number is not UNSET and first.setdefault(item.item_number, item) is not item:
        yield _fault("duplicate", "Another item has this number.", index, "itemNumber")


def _fault(code: str, message: str, *place: Token) -> Fault:
    return Fault(pointer_to("items", *place), code, message)


def _faults_in(index: int, item: ItemBody, among: Surroundings) -> Iterator[Fault]:
    yield from _number_faults(index, item, among.decimals)
    yield from _kind_faults(index, item)
    yield from _language_faults(index, item)
    yield from _admission_faults(index, item, among.admissions)
    if isinstance(item.components, tuple) and item.kind in ("package", UNSET):
        yield from _component_faults(index, item.components, among.items)
    if item.sale_from and item.sale_to and item.sale_to < item.sale_from:
        yield _fault("out_of_range", "The sale cannot end before it begins.", index, "saleTo")


def _number_faults(index: int, item: ItemBody, decimals: int | None) -> Iterator[Fault]:
    price, vat = item.unit_price_incl_vat, item.vat_percent
    if price is not UNSET and decimals is not None and decimals_of(price) > decimals:
        message = f"Expected at most {decimals} decimals, as the currency has."
        yield _fault("bad_format", message, index, "unitPriceInclVat")
    if vat is not UNSET and decimals_of(vat) > MOST_VAT_DECIMALS:
        yield _fault("bad_format", f"Expected at most {MOST_VAT_DECIMALS} decimals.", index, "vatPercent")


def _kind_faults(index: int, item: ItemBody) -> Iterator[Fault]:
    if item.kind is UNSET:
        return
    for name, attribute in _FOREIGN_FIELDS[item.kind].items():
        # Empty, false and null say nothing, and UNSET is at fault already (it counts as false too).
        if getattr(item, attribute):
            yield _fault("unknown_field", f"A {item.kind} has no {name}.", index, name)
    if item.kind == "package":
        if item.components is None:
            yield _fault("required", "A package needs components.", index, "components")
        elif item.components == ():
            yield _fault("too_few", "A package needs components.", index, "components")
    elif item.number_pattern is None:
        yield _fault("required", f"A {item.kind} needs a numberPattern.", index, "numberPattern")
    elif item.number_pattern is not UNSET:
        try:
            number_pattern(item.number_pattern)
        except BadPattern as bad:
            yield _fault("bad_pattern", str(bad), index, "numberPattern")


def _language_faults(index: int, item: ItemBody) -> Iterator[Fault]:
    if item.descriptions is UNSET:
        return
    languages: set[str] = set()
    for language in item.descriptions:
        if language.upper() in languages:
            message = "Another description is in this language: upper and lower case are the same."
            yield _fault("duplicate", message, index, "descriptions", language)
        languages.add(language.upper())


def _admission_faults(index: int, item: ItemBody, admissions: frozenset[str]) -> Iterator[Fault]:
    if item.admissions is UNSET or item.kind not in ("ticket", UNSET):
        return
    named: set[str] = set()
    for place, admission in enumerate(item.admissions):
        if admission is UNSET:
            continue
        if admission in named:
            yield _fault("duplicate", "The item has this admission already.", index, "admissions", place)
        elif admission not in admissions:
            yield _fault("unknown_admission", "The catalog has no such admission.", index, "admissions", place)
        named.add(admission)


def _component_faults(
    index: int, components: tuple[ComponentBody | UnsetType, ...], items: Mapping[str, ItemBody]
) -> Iterator[Fault]:
    numbers: set[str] = set()
    assets = 0
    for place, component in enumerate(components):
        if component is UNSET or component.item_number is UNSET:
            continue
        item = items.get(component.item_number)
        fault: tuple[str, str] | None = None
        if component.item_number in numbers:
            fault = "duplicate", "The package has this component already: give it a quantity."
        elif item is None:
            fault = "unknown_item", "The catalog has no such item."
        elif item.kind == "package":
            fault = "not_a_component", "A package holds tickets and coupons, not packages."
        if fault is not None:
            yield _fault(*fault, index, "components", place, "itemNumber")
        numbers.add(component.item_number)
        if item is not None and component.quantity is not UNSET:
            assets += 1 if item.group_ticket else component.quantity
    if assets > MOST_ASSETS:
        message = f"A package holds at most {MOST_ASSETS} tickets and coupons, not {assets}."
        yield _fault("too_many", message, index, "components")
