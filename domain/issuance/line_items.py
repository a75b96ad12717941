"""What of an order the catalog can give: the item of each line, or a refusal that names the lines that cannot be had.

An order is checked when it is accepted, and again here: it may be issued later, by another catalog. What a refusal says
goes to Kafka: item numbers, days and the catalog's own words, and nothing of the guest's.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from domain.catalog.items import Catalog, Item
from domain.catalog.visits import VisitFault, visit_faults
from domain.issuance.issuer import IssuanceRefused
from domain.order.content import OrderContent, OrderLine, line_no, visit_of

LINES_NAMED: Final = 5
"""A refusal says at most so much: people read it, and it goes to Kafka."""

ITEM_CHANGED: Final = "item_changed"
"""The reason where the item has become another thing than the one that was ordered: what was said of its wallets and
components would be lost, or go to the wrong ones."""


def items_of(content: OrderContent, catalog: Catalog, now: datetime, max_wallets: int) -> list[Item]:
    """The item of each line. `max_wallets`: of the order. Raises IssuanceRefused."""
    items: list[Item] = []
    wrong: list[tuple[str, str]] = []
    wallets = 0
    for index, line in enumerate(content.lines):
        item = catalog.item(line.item_number)
        if item is None:
            wrong.append(_wrong(index, line, "unknown_item", "It is not in the venue's catalog any more."))
        else:
            items.append(item)
            wallets += item.wallet_count(line.quantity)
            wrong += _changes(index, line, item)
            wrong += _visit_wrongs(index, line, item, catalog, now)
    if wrong:
        raise _refusal(wrong)
    if wallets > max_wallets:  # where what was a group ticket has become one for each person
        raise IssuanceRefused("too_many", f"The order has {wallets} wallets now; at most {max_wallets} can be issued.")
    return items


def _changes(index: int, line: OrderLine, item: Item) -> Iterator[tuple[str, str]]:
    """What the item was when it was ordered, and is not now."""
    if item.is_package != line.is_package:
        became = "It is a package now." if item.is_package else "It is not a package any more."
        yield _wrong(index, line, ITEM_CHANGED, became)
        return
    wallets = item.wallet_count(line.quantity)
    named = len(line.wallet_names) or len(line.external_reference_numbers)
    if named not in (0, wallets):
        yield _wrong(
            index, line, ITEM_CHANGED, f"It was ordered with {named} for its wallets, and has {wallets} of them now."
        )
    components = {component.item_number for component in item.components}
    for visit in line.component_schedule:
        if visit.item_number not in components:
            yield _wrong(index, line, ITEM_CHANGED, f"Item {visit.item_number} is not a component of it any more.")


def _visit_wrongs(
    index: int, line: OrderLine, item: Item, catalog: Catalog, now: datetime
) -> Iterator[tuple[str, str]]:
    """What keeps the line's visit from being made, or one of its components'."""
    own = visit_faults(catalog, item, line.visit_date, line.visit_time, now)
    for fault in filter(_counts_still, own):
        yield _wrong(index, line, fault.code, fault.message)
    said = {(line.visit_date, fault.message) for fault in own}
    for component, _ in catalog.components_of(item):
        day, moment = visit_of(line, component.item_number)
        faults = visit_faults(catalog, component, day, moment, now, sold_as=item)
        for fault in filter(_counts_still, faults):
            if (day, fault.message) not in said:
                said.add((day, fault.message))
                part = f"item {component.item_number} of package {item.item_number} on {day} {moment}"
                yield fault.code, f"Line {line_no(index)}: {part} cannot be issued. {fault.message}"


def _counts_still(fault: VisitFault) -> bool:
    """A slot that ended while the order waited is issued: it was accepted in time, and is valid on its day."""
    return (fault.field, fault.code) != ("visitTime", "past_date")


def _wrong(index: int, line: OrderLine, code: str, sentence: str) -> tuple[str, str]:
    visit = f"{line.visit_date} {line.visit_time}"
    return code, f"Line {line_no(index)}: item {line.item_number} on {visit} cannot be issued. {sentence}"


def _refusal(wrong: list[tuple[str, str]]) -> IssuanceRefused:
    reason = wrong[0][0]
    message = " ".join(sentence for _, sentence in wrong[:LINES_NAMED])
    more = len(wrong) - LINES_NAMED
    return IssuanceRefused(reason, message if more <= 0 else f"{message} And {more} more.")
