"""What is told to be left, against the naive way: to sell one more until no place is left, at every time of the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from domain.allotment.availability import Available, availability
from domain.allotment.standing import UNTOUCHED, Standing
from domain.allotment.taking import VisitSlot, capacity_of, places_needed
from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from domain.catalog.visits import visit_faults
from domain.order.content import ComponentVisit, OrderContent, OrderLine
from tests.unit.catalog.catalogs import VENUE_ID

TODAY = date(2026, 11, 23)

_HOURS = [time(hour, minute) for hour in range(9, 12) for minute in (0, 30)]
_DAYS = [TODAY + timedelta(days=days) for days in range(-1, 3)]
_NOWS = [datetime(2026, 11, 23, hour, minute, tzinfo=UTC) for hour in range(7, 12) for minute in (0, 15)]  # 8:00-12:15
_MANY = 12
"""More than any capacity below: what can be sold as often is unlimited."""


def _catalog(admissions: tuple[Admission, ...], *items: Item) -> Catalog:
    return Catalog(Venue(VENUE_ID, "Museum", "Europe/Copenhagen", "DKK"), admissions, items)


def _item(number: str, kind: str, **fields: object) -> Item:
    return Item(number, kind, "Item", Decimal("1.00"), Decimal(25), **fields)  # type: ignore[arg-type]


@st.composite
def _slots(draw: st.DrawFn) -> tuple[Slot, ...]:
    bounds = sorted(draw(st.sets(st.sampled_from(_HOURS), min_size=2, max_size=6)))
    starts = bounds[: len(bounds) // 2 * 2]
    apart = zip(starts[::2], starts[1::2], strict=True)
    pairs = apart if draw(st.booleans()) else pairwise(bounds)
    return tuple(draw(st.permutations([Slot(start, end) for start, end in pairs])))


@st.composite
def _catalogs(draw: st.DrawFn) -> Catalog:
    capacities = st.none() | st.integers(0, 9)
    admissions = tuple(
        Admission(
            name,
            capacity=draw(capacities),
            closed=tuple(draw(st.sets(st.sampled_from(_DAYS), max_size=1))),
            slots=draw(st.just(()) | _slots()),
        )
        for name in "ABC"
    )
    days = st.none() | st.sampled_from(_DAYS)
    tickets = [
        _item(
            number,
            "ticket",
            admissions=tuple(draw(st.lists(st.sampled_from("ABC"), unique=True, max_size=2))),
            group_ticket=draw(st.booleans()),
            sale_from=draw(days),
            sale_to=draw(days),
        )
        for number in ("T1", "T2", "T3")
    ]
    numbers = draw(st.lists(st.sampled_from(["T1", "T2", "T3", "C"]), min_size=1, max_size=2, unique=True))
    held = tuple(Component(number, draw(st.integers(1, 3))) for number in numbers)
    package = _item("P", "package", components=held, sale_from=draw(days), sale_to=draw(days))
    return _catalog(admissions, *tickets, _item("C", "coupon", sale_to=draw(days)), package)


@st.composite
def _standings(draw: st.DrawFn, of: Catalog) -> dict[VisitSlot, Standing]:
    slots = [
        VisitSlot(admission.admission, day, slot.start if slot is not None else None)
        for admission in of.admissions
        for day in _DAYS
        for slot in admission.slots or (None,)
    ]
    counts = st.integers(0, 4)
    as_in_catalog = st.tuples(counts, counts, st.just(value=False), st.none())
    overridden = st.tuples(counts, counts, st.just(value=True), st.none() | st.integers(0, 9))
    touched = draw(st.lists(st.sampled_from(slots), unique=True))
    return {slot: Standing(*draw(as_in_catalog | overridden)) for slot in touched}


class _Shop:
    """Sells at given times what an order would be taken for, as long as the places that it needs are there."""

    def __init__(self, of: Catalog, item: Item, now: datetime, standings: Mapping[VisitSlot, Standing]) -> None:
        self._of, self._item, self._now, self._standings = of, item, now, standings
        self.bought = [held for held, _ in of.components_of(item)] or [item]

    def takes(self, day: date, times: tuple[time, ...]) -> bool:
        """Whether an order with these times, one for each component, has no fault."""
        return not any(
            visit_faults(self._of, component, day, at, self._now, sold_as=self._item)
            for component, at in zip(self.bought, times, strict=True)
        )

    def sells(self, day: date, times: tuple[time, ...], *, empty: bool = False) -> int | None:
        """How many go; None: as many as one likes. `empty`: where nothing had been taken before."""
        numbers = [component.item_number for component in self.bought]
        schedule = tuple(ComponentVisit(number, day, at) for number, at in zip(numbers, times, strict=True))
        for quantity in range(1, _MANY):
            line = OrderLine(self._item.item_number, quantity, day, times[0], component_schedule=schedule)
            for places in places_needed(OrderContent(lines=(line,)), self._of):
                slot = VisitSlot(places.admission, places.visit_date, places.slot_start)
                standing = self._standings.get(slot, UNTOUCHED)
                limit = standing.override if standing.overridden else capacity_of(slot, self._of)
                if limit is not None and places.count + (0 if empty else standing.held + standing.sold) > limit:
                    return quantity - 1
        return None

    def slots_at(self, at: time) -> tuple[object, ...]:
        """What tells apart the parts of a day."""
        return tuple(
            admission.slot_at(at) for component in self.bought for admission in self._of.admissions_of(component)
        )

    def meets(self, at: time) -> bool:
        """Whether every timed admission of every component has a slot at this time."""
        admissions = [admission for component in self.bought for admission in self._of.admissions_of(component)]
        return all(admission.slot_at(at) is not None for admission in admissions if admission.is_timed)


def _naive(shop: _Shop, day: date) -> Iterator[Available]:
    told = set()
    for at in _HOURS:
        times = (at,) * len(shop.bought)
        part = shop.slots_at(at)
        if not shop.takes(day, times) or part in told:
            continue
        told.add(part)
        start = None if not any(part) else at
        yield Available(day, start, shop.sells(day, times, empty=True), shop.sells(day, times))


@given(st.data())
def test_what_is_told_is_what_selling_one_by_one_comes_to(data: st.DataObject) -> None:
    of = data.draw(_catalogs())
    standings = data.draw(_standings(of))
    now = data.draw(st.sampled_from(_NOWS))
    item = data.draw(st.sampled_from(of.items))
    shop = _Shop(of, item, now, standings)
    told = availability(of, item, _DAYS, standings, now)
    if any(map(shop.meets, _HOURS)):
        assert told == [row for day in _DAYS for row in _naive(shop, day)]
        return
    # No time suits every component: a row a day where some schedule does, and never more than the best one takes.
    for day in _DAYS:
        schedules = [
            times for times in product(_HOURS, repeat=len(shop.bought)) if item.is_package and shop.takes(day, times)
        ]
        rows = [row for row in told if row.visit_date == day]
        assert [row.slot_start for row in rows] == ([None] if schedules else [])
        if rows:
            best = max(_or_many(shop.sells(day, times)) for times in schedules)
            assert _or_many(rows[0].free) <= best
            named = [admission for component in shop.bought for admission in component.admissions]
            if len(named) == len(set(named)):  # nobody in another's way
                assert _or_many(rows[0].free) == best


def _or_many(count: int | None) -> int:
    return _MANY if count is None else count
