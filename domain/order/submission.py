"""A submitted order: every fault in it that is not one of structure, and what is stored of it where there is none.

Source: the table "createOrder and replaceOrder body" of the HTTP contract, and what stands below it. Structure is the
business of the reader of `OrderBody`: where it found a fault, the field is UNSET, and nothing more is said about it.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from domain.catalog.items import Catalog, Item, description
from domain.catalog.visits import VisitFault, visit_faults
from domain.faults import FAULT_LIMIT, Fault, Token, pointer_to
from domain.order.body import ComponentVisitBody, LineBody, WalletBody
from domain.order.body import OrderBody as OrderBody
from domain.order.content import ComponentVisit, OrderContent, OrderLine, text_language
from domain.personal import LineSellToEmail, LineSellToName, SellToEmail, SellToName, WalletName

MAX_WALLETS = 2000
"""The most wallets of an order, where no setting says otherwise."""

_Schedule: TypeAlias = tuple[ComponentVisitBody, ...]

# Stands for an item that is not known: what holds for every visit can be said all the same.
_ANY_ITEM = Item(item_number="", kind="coupon", description="", unit_price_incl_vat=Decimal(0), vat_percent=Decimal(0))


def submission_faults(
    body: OrderBody, catalog: Catalog | None, known_partner: bool, now: datetime, max_wallets: int = MAX_WALLETS
) -> list[Fault]:
    """Every fault beyond structure, in no promised order: `Reading.report` sorts them.

    `catalog`: the one in force, or None where there is none yet. `known_partner`: whether the body's partner exists.
    """
    faults: list[Fault] = []
    if not known_partner and _known(body.partner_id):
        faults.append(Fault("/partnerId", "unknown_partner", "There is no such partner."))
    if not _known(body.items):
        return faults
    shown: set[str] = set()
    wallets = 0
    for index, line in enumerate(body.items):
        if not _known(line):
            continue
        item = _item_of(line, catalog)
        count = _wallet_count(line, item)
        wallets += count or 0
        if len(faults) <= FAULT_LIMIT:  # a later line's could not be among the first hundred
            faults += _line_faults(index, line, item, count, catalog, now, shown)
    if wallets > max_wallets:
        faults.append(Fault("/items", "too_many", f"Expected at most {max_wallets} wallets in all, got {wallets}."))
    return faults


def _line_faults(
    index: int,
    line: LineBody,
    item: Item | None,
    count: int | None,
    catalog: Catalog | None,
    now: datetime,
    shown: set[str],
) -> list[Fault]:
    """`count`: the line's wallets, None: unknown. `shown`: the external reference numbers so far, of all lines."""
    faults = _item_faults(index, line, item, catalog, now)
    wallet = line.wallet
    if wallet is not None and _known(wallet):
        faults += _wallet_faults(index, wallet, count, shown)
    if catalog is not None and item is not None:
        scheduled = line.component_schedule or (wallet and wallet.component_schedule)
        if scheduled or item.is_package:
            faults += _schedule_faults(index, line, item, catalog, now)
    return faults


def _first(faults: Iterator[Fault]) -> Iterator[Fault]:
    """Of an array's faults, in its order, as many as can be shown: it may have a third of a million."""
    return islice(faults, FAULT_LIMIT + 1)


def _known(value: object) -> bool:
    """Whether the reader could make something of it."""
    return value is not UNSET


def _item_of(line: LineBody, catalog: Catalog | None) -> Item | None:
    return catalog.item(line.item_number) if catalog is not None and _known(line.item_number) else None


def _wallet_count(line: LineBody, item: Item | None) -> int | None:
    """None where it cannot be told."""
    if item is None or not (item.group_ticket or _known(line.quantity)):
        return None
    return item.wallet_count(line.quantity)


# What is bought, and when


def _item_faults(index: int, line: LineBody, item: Item | None, catalog: Catalog | None, now: datetime) -> list[Fault]:
    faults: list[Fault] = []
    place = ("items", index)
    if item is None and _known(line.item_number):
        faults.append(_fault(place, "itemNumber", "unknown_item", "The catalog has no such item."))
    if catalog is None:
        return faults
    wrongs = visit_faults(catalog, item or _ANY_ITEM, line.visit_date, line.visit_time, now)
    if wrongs:
        faults += [_visit_fault(place, wrong) for wrong in wrongs]
    return faults


# What is said of the wallets


def _wallet_faults(index: int, wallet: WalletBody, count: int | None, shown: set[str]) -> Iterator[Fault]:
    place = ("items", index, "wallet")
    for name, texts in (
        ("names", wallet.names),
        ("externalReferenceNumbers", wallet.external_reference_numbers),
    ):
        if count is not None and texts is not None and _known(texts) and len(texts) != count:
            message = f"Expected {count}, one for each wallet of the line, got {len(texts)}."
            yield _fault(place, name, "wallet_count", message)
    references = wallet.external_reference_numbers
    if references is not None and _known(references):
        yield from _first(_duplicate_faults((*place, "externalReferenceNumbers"), references, shown))


def _duplicate_faults(place: tuple[Token, ...], references: tuple[str, ...], shown: set[str]) -> Iterator[Fault]:
    for position, reference in enumerate(references):
        if not reference or not _known(reference):
            continue
        if reference in shown:
            message = "Another wallet of this order has this external reference number."
            yield _fault(place, position, "duplicate", message)
        shown.add(reference)


# What is said of a package's components


def _schedule_faults(index: int, line: LineBody, item: Item, catalog: Catalog, now: datetime) -> Iterator[Fault]:
    schedules = _schedules(index, line)
    if item.is_package:
        components = {component.item_number for component in item.components}
        for place, schedule in schedules:
            yield from _first(_entry_faults(place, schedule, item, components, catalog, now))
        yield from _unscheduled_faults(index, line, item, schedules, catalog, now)
    else:
        for place, _ in schedules:
            yield Fault(pointer_to(*place), "not_a_package", "Only a package has components to schedule.")
    if len(schedules) > 1:
        place, _ = schedules[1]
        yield Fault(pointer_to(*place), "duplicate", "The schedule of the components is given twice in this line.")


def _schedules(index: int, line: LineBody) -> list[tuple[tuple[Token, ...], _Schedule]]:
    """Where the line has a schedule, and what is in it. An empty one counts as absent."""
    schedules: list[tuple[tuple[Token, ...], _Schedule]] = []
    wallet = line.wallet
    if wallet is not None and _known(wallet) and wallet.component_schedule and _known(wallet.component_schedule):
        schedules.append((("items", index, "wallet", "componentSchedule"), wallet.component_schedule))
    if line.component_schedule and _known(line.component_schedule):
        schedules.append((("items", index, "componentSchedule"), line.component_schedule))
    return schedules


def _schedules_are_known(line: LineBody) -> bool:
    wallet = line.wallet
    return _known(line.component_schedule) and _known(wallet) and (wallet is None or _known(wallet.component_schedule))


def _entry_faults(
    place: tuple[Token, ...],
    schedule: _Schedule,
    package: Item,
    components: set[str],
    catalog: Catalog,
    now: datetime,
) -> Iterator[Fault]:
    scheduled: set[str] = set()
    for position, entry in enumerate(schedule):
        if not _known(entry):
            continue
        here = (*place, position)
        component = catalog.item(entry.item_number) if entry.item_number in components else None
        if component is None:
            if _known(entry.item_number):
                yield _fault(here, "itemNumber", "not_a_component", "The package has no such component.")
        elif entry.item_number in scheduled:
            yield _fault(here, "itemNumber", "duplicate", "This component is scheduled already.")
        scheduled.add(entry.item_number)
        item = component or _ANY_ITEM
        for wrong in visit_faults(catalog, item, entry.visit_date, entry.visit_time, now, sold_as=package):
            yield _visit_fault(here, wrong)


def _unscheduled_faults(
    index: int,
    line: LineBody,
    package: Item,
    schedules: list[tuple[tuple[Token, ...], _Schedule]],
    catalog: Catalog,
    now: datetime,
) -> Iterator[Fault]:
    """A component without a visit of its own is visited with the line, which must suit it too."""
    entries = [entry for _, schedule in schedules for entry in schedule]
    if not (_schedules_are_known(line) and all(_known(entry) and _known(entry.item_number) for entry in entries)):
        return  # which components are left cannot be told
    scheduled = {entry.item_number for entry in entries}
    # What was said of the package's own visit counts for all that is in it.
    said = {("visitDate", "past_date"), ("itemNumber", "not_on_sale")}
    for component, _ in catalog.components_of(package):
        if component.item_number in scheduled:
            continue
        for wrong in visit_faults(catalog, component, line.visit_date, line.visit_time, now, sold_as=package):
            if (wrong.field, wrong.code) not in said:
                said.add((wrong.field, wrong.code))
                yield _visit_fault(("items", index), wrong)


def _fault(place: tuple[Token, ...], token: Token, code: str, message: str) -> Fault:
    return Fault(pointer_to(*place, token), code, message)


def _visit_fault(place: tuple[Token, ...], wrong: VisitFault) -> Fault:
    return _fault(place, wrong.field, wrong.code, wrong.message)


# What is stored of a body without faults


def order_content(body: OrderBody, catalog: Catalog, partner_language: str | None) -> OrderContent:
    """What the order asks for. An empty text counts as not given; languages are upper case.

    `catalog`: the one by which `submission_faults` found none. `partner_language`: for texts where the body names none.
    """
    language = _upper(body.sell_to_language)
    fallback = partner_language or catalog.venue.language
    lines = []
    for line in body.items:
        own = UNSET if line.sell_to_language is UNSET else _upper(line.sell_to_language)
        lines.append(_line(line, catalog, own, text_language(own, language, fallback)))
    return OrderContent(
        lines=tuple(lines),
        payment_reference=body.payment_reference or None,
        sell_to_name=SellToName(body.sell_to_name) if body.sell_to_name else None,
        sell_to_email=SellToEmail(body.sell_to_email) if body.sell_to_email else None,
        sell_to_language=language,
    )


def _line(line: LineBody, catalog: Catalog, language: str | UnsetType | None, of_text: str) -> OrderLine:
    item = catalog.item(line.item_number)
    if item is None:
        raise ValueError("a body with faults has no content")
    name, email, wallet = line.sell_to_name, line.sell_to_email, line.wallet
    schedule = line.component_schedule
    names: tuple[WalletName | None, ...] = ()
    references: tuple[str, ...] = ()
    if wallet is not None:
        schedule = wallet.component_schedule or schedule
        if wallet.names and any(wallet.names):
            names = tuple([WalletName(text) if text else None for text in wallet.names])
        if wallet.external_reference_numbers and any(wallet.external_reference_numbers):
            references = wallet.external_reference_numbers
    return OrderLine(
        item_number=line.item_number,
        quantity=line.quantity,
        visit_date=line.visit_date,
        visit_time=line.visit_time,
        description=description(item, of_text),
        is_package=item.is_package,
        sell_to_name=UNSET if name is UNSET else LineSellToName(name) if name else None,
        sell_to_email=UNSET if email is UNSET else LineSellToEmail(email) if email else None,
        sell_to_language=language,
        wallet_names=names,
        external_reference_numbers=references,
        component_schedule=tuple(
            [ComponentVisit(visit.item_number, visit.visit_date, visit.visit_time) for visit in schedule]
        )
        if schedule
        else (),
    )


def _upper(language: str | None) -> str | None:
    return language.upper() if language else None
