"""How the days and slots of an admission stand: their capacity, what of it is taken, and what is left.

Of the operators' API, "Capacity". Where the contract is silent:
- `free` is 0 where nothing can be booked whatever is left: on a closed day, and in a slot that the catalog does not
  have (any more). `capacity`, `held` and `sold` are shown as they are all the same.
- A slot that the catalog does not have is shown where something of it is taken, or where an operator has set its
  capacity, which counts again when the slot comes back. Its capacity is what was set, else 0: the catalog gives none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Final, NamedTuple

from domain.allotment.taking import VisitSlot
from domain.catalog.items import Admission


class Standing(NamedTuple):
    """What is taken of a slot: held by Drafts and orders being issued, sold by Issued.

    `overridden`: an operator has set its capacity, to `override` (None: unlimited), in place of the catalog's.
    """

    held: int = 0
    sold: int = 0
    overridden: bool = False
    override: int | None = None

    def capacity(self, of_catalog: int | None) -> int | None:
        """What counts; None is unlimited."""
        return self.override if self.overridden else of_catalog

    def free(self, of_catalog: int | None) -> int | None:
        """Places that are left, None: any number. 0 too where more is taken than a new catalog gives."""
        capacity = self.capacity(of_catalog)
        return None if capacity is None else max(0, capacity - self.held - self.sold)

    @property
    def says_something(self) -> bool:
        return self.overridden or self.held > 0 or self.sold > 0


UNTOUCHED: Final = Standing()
"""Where there is no row: nothing was ever taken, and nobody has set anything."""

Standings = Mapping[VisitSlot, Standing]


class Allotment(NamedTuple):
    """A day or slot as operators see it. `capacity`, `free`: None where unlimited."""

    slot: VisitSlot
    capacity: int | None
    held: int
    sold: int
    free: int | None


def allotments(name: str, admission: Admission | None, days: Iterable[date], standings: Standings) -> list[Allotment]:
    """Every day and slot of these days, in order; a whole day stands before the day's slots.

    `name`: of the admission. `admission`: as the catalog has it, None: not any more. `standings`: of these days.
    """
    offered = _offered(admission) if admission is not None else []
    touched: dict[date, list[time | None]] = defaultdict(list)
    for slot, standing in standings.items():
        if slot.admission == name and standing.says_something:
            touched[slot.visit_date].append(slot.slot_start)
    shown = []
    for day in days:
        starts = offered if day not in touched else sorted({*offered, *touched[day]}, key=_whole_day_first)
        for start in starts:
            slot = VisitSlot(name, day, start)
            shown.append(allotment(slot, admission, standings.get(slot, UNTOUCHED)))
    return shown


def allotment(slot: VisitSlot, admission: Admission | None, standing: Standing) -> Allotment:
    """One day or slot. `admission`: as the catalog has it, None: it has no such admission."""
    offers = admission is not None and admission.offers(slot.slot_start)
    of_catalog = admission.capacity if admission is not None and offers else 0
    bookable = admission is not None and offers and not admission.is_closed_on(slot.visit_date)
    return Allotment(
        slot=slot,
        capacity=standing.capacity(of_catalog),
        held=standing.held,
        sold=standing.sold,
        free=standing.free(of_catalog) if bookable else 0,
    )


def _offered(admission: Admission) -> list[time | None]:
    return [*sorted(slot.start for slot in admission.slots)] if admission.is_timed else [None]


def _whole_day_first(start: time | None) -> tuple[bool, time]:
    return start is not None, start or time.min
