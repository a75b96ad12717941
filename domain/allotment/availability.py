"""What of an item can still be bought, day by day and slot by slot.

Of the HTTP contract, "What can be bought". A pure function of catalog, time and what is taken; nothing is promised to
whoever asks: places are taken when an order is issued. Where the contract is silent:
- A ticket into timed admissions has a row for each part of a day that lies in a slot of every one of them; `slot_start`
  is where it begins, and a visit time that the ticket can be ordered with.
- A package has a row for each such part that is common to all its components: there it is bought without a
  componentSchedule. Where its components have none in common, it must be bought with one: then it has a row a day,
  without `slot_start`, of a schedule within that day that can be bought (each component where most is left of it).
- `capacity` is what `free` would be if nothing were taken. Both count tickets, for a group ticket its persons, for a
  package whole packages.
- What needs no places has a row for each day on which it is sold, both figures None.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import NamedTuple

from domain.allotment.standing import UNTOUCHED, Standings
from domain.allotment.taking import VisitSlot
from domain.catalog.items import Admission, Catalog, Item, Slot
from domain.catalog.time_zones import time_zone
from domain.catalog.visits import day_faults, has_ended


class Available(NamedTuple):
    """`capacity`, `free`: None where unlimited. `slot_start`: None where no single visit time is to be chosen."""

    visit_date: date
    slot_start: time | None
    capacity: int | None
    free: int | None


class _Component(NamedTuple):
    """What takes `places` in each of `admissions` for every one that is bought; an item that is no package is one."""

    admissions: list[Admission]
    places: int


class _Visit(NamedTuple):
    """A part of a day: the places that are needed then, by admission and slot (None: of the whole day)."""

    start: time | None
    places: Mapping[tuple[str, Slot | None], int]


class _Figures(NamedTuple):
    capacity: int | None
    free: int | None


class _Stock(NamedTuple):
    """What there is, by admission, and what of it is taken. `local_now`: at the venue."""

    capacities: Mapping[str, int | None]
    standings: Standings
    local_now: datetime

    def figures(self, visit: _Visit, day: date) -> _Figures:
        """How many times the visit's places are there, and left."""
        capacity: int | None = None
        free: int | None = None
        for (admission, slot), places in visit.places.items():
            standing = self.standings.get(VisitSlot(admission, day, None if slot is None else slot.start), UNTOUCHED)
            of_catalog = self.capacities[admission]
            capacity = _smaller(capacity, standing.capacity(of_catalog), places)
            free = _smaller(free, standing.free(of_catalog), places)
        return _Figures(capacity, free)

    def is_over(self, visit: _Visit, day: date) -> bool:
        """Whether a slot of it has ended: then it cannot be ordered any more."""
        if day != self.local_now.date():
            return False
        return any(slot is not None and has_ended(slot, day, self.local_now) for _, slot in visit.places)


def admissions_needed(catalog: Catalog, item: Item) -> frozenset[str]:
    """Whose places the item takes: of these the standings are asked for."""
    components = _components(catalog, item)
    return frozenset(admission.admission for component in components for admission in component.admissions)


def availability(
    catalog: Catalog, item: Item, days: Iterable[date], standings: Standings, now: datetime
) -> list[Available]:
    """Rows in order; left out is what cannot be booked: what is over, closed, not on sale. `now` is aware."""
    components = _components(catalog, item)
    admissions = [admission for component in components for admission in component.admissions]
    stock = _Stock(
        {admission.admission: admission.capacity for admission in admissions},
        standings,
        now.astimezone(time_zone(catalog.venue.time_zone)),
    )
    together = _visits(components)
    apart = [_visits([component]) for component in components] if not together else []
    rows: list[Available] = []
    for day in days:
        if any(day_faults(item, admissions, day, stock.local_now.date())):
            continue
        visits = [visit for visit in together if not stock.is_over(visit, day)] or _scheduled(apart, day, stock)
        rows += [Available(day, visit.start, *stock.figures(visit, day)) for visit in visits]
    return rows


def _components(catalog: Catalog, item: Item) -> list[_Component]:
    if not item.is_package:
        return [_Component(catalog.admissions_of(item), 1)]
    return [_Component(catalog.admissions_of(held), quantity) for held, quantity in catalog.components_of(item)]


def _visits(components: Sequence[_Component]) -> list[_Visit]:
    """Each part of a day at which all can be visited together, in order; the whole day where none is timed."""
    admissions = {admission.admission: admission for component in components for admission in component.admissions}
    timed = [admission for admission in admissions.values() if admission.is_timed]
    if not timed:
        return [_Visit(None, _places(components, None))]
    # Where slots of all of them meet, that is where the latest of these begins.
    starts = sorted({slot.start for admission in timed for slot in admission.slots})
    return [
        _Visit(start, _places(components, start))
        for start in starts
        if all(admission.slot_at(start) is not None for admission in timed)
    ]


def _places(components: Iterable[_Component], start: time | None) -> Counter[tuple[str, Slot | None]]:
    places: Counter[tuple[str, Slot | None]] = Counter()
    for component in components:
        for admission in component.admissions:
            slot = admission.slot_at(start) if start is not None else None
            places[admission.admission, slot] += component.places
    return places


def _scheduled(apart: Sequence[Sequence[_Visit]], day: date, stock: _Stock) -> list[_Visit]:
    """Each component where most is left of it on this day; nothing where one has no time left, or there are none.

    Components that share a slot may get in each other's way, and another schedule might take more.
    """
    places: Counter[tuple[str, Slot | None]] = Counter()
    for visits in apart:
        left = [visit for visit in visits if not stock.is_over(visit, day)]
        if not left:
            return []
        places.update(max(left, key=lambda visit: _room(stock.figures(visit, day))).places)
    return [_Visit(None, places)] if apart else []


def _room(figures: _Figures) -> float:
    return float("inf") if figures.free is None else figures.free


def _smaller(so_far: int | None, places_there: int | None, places: int) -> int | None:
    """The smaller of `so_far` and how many times `places` are there; None is unlimited."""
    if places_there is None:
        return so_far
    times = places_there // places
    return times if so_far is None else min(so_far, times)
