"""What of a venue's capacity is taken: which places an order needs, and what each change of an order does to them.

Of the operators' API, "Capacity". An order holds the places of its `IssuanceStarted` event until it is in Error, gone,
cancelled or replaced. How many of a slot are taken is counted beside the log, in the save that changes it; because what
is counted follows from the order's state before and after alone, nothing is taken or given back twice.
"""

from collections.abc import Iterator
from datetime import date, time
from typing import Final, NamedTuple

from domain.catalog.items import Catalog, Item
from domain.order.content import OrderContent, OrderLine, visit_of
from domain.order.places import Places
from domain.order.state import Draft, Issued, Order, Processing

_HOLDING: Final = (Processing, Draft, Issued)  # a tuple: to ask it takes half as long as of a union


class VisitSlot(NamedTuple):
    """What places are counted in. `slot_start`: None where the admission is not timed, and the day counts."""

    admission: str
    visit_date: date
    slot_start: time | None


class SlotChange(NamedTuple):
    """How many more (or fewer) places of a slot are held, by Drafts and orders being issued, and sold, by Issued."""

    slot: VisitSlot
    held: int
    sold: int


def places_needed(content: OrderContent, catalog: Catalog) -> tuple[Places, ...]:
    """What the order's tickets take, a slot once, in the order of admission, day and time.

    Of lines that the catalog cannot give (an item that is gone, a time outside all slots) nothing is counted: the
    issuance is refused for them.
    """
    needed: dict[VisitSlot, int] = {}
    for line in content.lines:
        for slot, count in places_of_line(line, catalog):
            needed[slot] = needed.get(slot, 0) + count
    slots = sorted(needed) if len(needed) > 1 else needed
    return tuple([Places(slot.admission, slot.visit_date, needed[slot], slot.slot_start) for slot in slots])


def places_of_line(line: OrderLine, catalog: Catalog) -> Iterator[tuple[VisitSlot, int]]:
    """The places that a line's tickets take, a slot as often as the line's tickets come to it.

    A ticket takes one in each of its admissions, a group ticket one for each of its persons, so of either kind a line
    takes its quantity. A package's component is visited when its schedule says, else with the line.
    """
    item = catalog.item(line.item_number)
    if item is None:
        return
    if not item.is_package:
        for slot in _slots(item, line.visit_date, line.visit_time, catalog):
            yield slot, line.quantity
        return
    for ticket, quantity in catalog.components_of(item):
        day, moment = visit_of(line, ticket.item_number)
        for slot in _slots(ticket, day, moment, catalog):
            yield slot, line.quantity * quantity


def capacity_of(slot: VisitSlot, catalog: Catalog) -> int | None:
    """How many places the catalog gives; None: no limit. Raises KeyError for a slot of another catalog."""
    admission = catalog.admission(slot.admission)
    if admission is None:
        raise KeyError(slot.admission)
    return admission.capacity


def changes(before: Order, after: Order) -> tuple[SlotChange, ...]:
    """What the step from one state to another takes or gives back; each slot once."""
    was = before.places if isinstance(before, _HOLDING) else ()
    now = after.places if isinstance(after, _HOLDING) else ()
    if not was and not now:
        return ()
    was_sold, is_sold = isinstance(before, Issued), isinstance(after, Issued)
    if was is now and was_sold is is_sold:
        return ()
    held: dict[VisitSlot, int] = {}
    sold: dict[VisitSlot, int] = {}
    for places, counted, sign in ((was, sold if was_sold else held, -1), (now, sold if is_sold else held, 1)):
        for place in places:
            slot = VisitSlot(place.admission, place.visit_date, place.slot_start)
            counted[slot] = counted.get(slot, 0) + sign * place.count
    slots = held if not sold else {**held, **sold}
    different = [SlotChange(slot, held.get(slot, 0), sold.get(slot, 0)) for slot in slots]
    return tuple([change for change in different if change.held or change.sold])


def _slots(ticket: Item, day: date, moment: time, catalog: Catalog) -> list[VisitSlot]:
    """In each of the ticket's admissions, the slot of a visit; none at all where one of them has none then."""
    slots = []
    for admission in catalog.admissions_of(ticket):
        if not admission.is_timed:
            slots.append(VisitSlot(admission.admission, day, None))
        elif (slot := admission.slot_at(moment)) is not None:
            slots.append(VisitSlot(admission.admission, day, slot.start))
        else:
            return []
    return slots
