"""What a partner reads of an order for which the venue has no room: too few places, or a number that another shows.

From templates of ours, for these texts go to Kafka: item numbers, days and the catalog's own words, never a number that
a guest shows, and nothing else of the partner's.
"""

from collections.abc import Sequence
from typing import Final

from domain.allotment.taking import VisitSlot, places_of_line
from domain.catalog.items import Catalog
from domain.issuance.line_items import LINES_NAMED
from domain.order.content import OrderContent, line_no

SOLD_OUT: Final = "sold_out"
"""The reason of an order for which too few places were left."""

NUMBER_TAKEN: Final = "number_taken"
"""The reason of an order whose partner gave a wallet a number that another living wallet has."""


def sold_out(content: OrderContent, catalog: Catalog, slot: VisitSlot, left: int) -> str:
    """Which items of the order could not be had, when, and how many places were left."""
    items = []
    needed = 0
    for index, line in enumerate(content.lines):
        taken = sum(count for of, count in places_of_line(line, catalog) if of == slot)
        if taken:
            needed += taken
            items.append(f"item {line.item_number} (line {line_no(index)})")
    return (
        f"Sold out: {_listed(items)} on {_when(slot, catalog)}. {slot.admission} has {_places(left)} left then, and "
        f"the order needs {needed}. Nothing was issued: replace the order to ask for another visit or for less, or "
        "cancel it."
    )


def number_taken(line: int, wallet: int) -> str:
    """`line`, `wallet`: where the number stands in the order, from 0."""
    return (
        f"Line {line_no(line)}, wallet {wallet + 1}: another wallet has its external reference number, and the two "
        "could not be told apart at the gate. Nothing was issued: replace the order to give another, or cancel it."
    )


def _listed(items: Sequence[str]) -> str:
    more = len(items) - LINES_NAMED
    return ", ".join(items[:LINES_NAMED]) + (f" and {more} more" if more > 0 else "")


def _when(slot: VisitSlot, catalog: Catalog) -> str:
    if slot.slot_start is None:
        return slot.visit_date.isoformat()
    admission = catalog.admission(slot.admission)
    timed = admission.slot_at(slot.slot_start) if admission is not None else None
    end = f"-{timed.end}" if timed is not None else ""
    return f"{slot.visit_date} {slot.slot_start}{end}"


def _places(left: int) -> str:
    return "1 place" if left == 1 else f"{max(0, left)} places"
