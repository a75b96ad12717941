"""What can still be bought, example by example."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from domain.allotment.availability import admissions_needed, availability
from domain.allotment.standing import Standing
from domain.allotment.taking import VisitSlot
from domain.catalog.items import Admission, Catalog, Component, Item, Slot, Venue
from tests.unit.catalog.catalogs import NOW, VENUE_ID, catalog, example

CATALOG = catalog()
DAY = date(2026, 12, 1)
TODAY = date(2026, 11, 23)  # at the venue it is 11:15:30
TEN, TWO = time(10), time(14)


def _available(
    item_number: str,
    *days: date,
    standings: Mapping[VisitSlot, Standing] | None = None,
    of: Catalog = CATALOG,
    now: datetime = NOW,
) -> list[tuple[date, time | None, int | None, int | None]]:
    item = of.item(item_number)
    assert item is not None
    return [(*row,) for row in availability(of, item, days or (DAY,), standings or {}, now)]


def _changed(item: int, **fields: object) -> Catalog:
    document = example()
    document["items"][item].update(fields)
    return catalog(document)


def _timed(*admissions: tuple[int | None, list[tuple[int, int]]]) -> Catalog:
    """A catalog of one ticket into admissions A, B, …, each with its capacity and the hours of its slots."""
    named = tuple(
        Admission("ABC"[index], capacity=capacity, slots=tuple(Slot(time(start), time(end)) for start, end in slots))
        for index, (capacity, slots) in enumerate(admissions)
    )
    return _catalog(named, _item("1", "ticket", admissions=tuple(admission.admission for admission in named)))


def _catalog(admissions: tuple[Admission, ...], *items: Item) -> Catalog:
    return Catalog(Venue(VENUE_ID, "Museum", "Europe/Copenhagen", "DKK"), admissions, items)


def _item(number: str, kind: str, **fields: object) -> Item:
    return Item(number, kind, "Item", Decimal("1.00"), Decimal(25), **fields)  # type: ignore[arg-type]


def test_an_untimed_ticket_has_a_row_for_each_day() -> None:
    standings = {VisitSlot("MAIN", DAY, None): Standing(held=2, sold=3)}
    following = DAY + timedelta(days=1)
    assert _available("31001", DAY, following, standings=standings) == [
        (DAY, None, 500, 495),
        (following, None, 500, 500),
    ]


def test_a_timed_ticket_has_a_row_for_each_slot_and_counts_the_scarcest_admission() -> None:
    standings = {
        VisitSlot("TOUR", DAY, TEN): Standing(sold=5),
        VisitSlot("MAIN", DAY, None): Standing(sold=482),  # 18 are left, for both tours together
    }
    assert _available("31005", standings=standings) == [(DAY, TEN, 20, 15), (DAY, TWO, 20, 18)]


def test_a_group_ticket_counts_persons() -> None:
    assert _available("31009", standings={VisitSlot("MAIN", DAY, None): Standing(sold=470)}) == [(DAY, None, 500, 30)]


def test_a_coupon_is_unlimited_on_every_day() -> None:
    assert _available("33001", DAY, date(2026, 12, 24)) == [
        (DAY, None, None, None),
        (date(2026, 12, 24), None, None, None),
    ]


def test_what_is_over_closed_or_not_sold_is_left_out() -> None:
    yesterday, eve = TODAY - timedelta(days=1), date(2026, 12, 24)
    assert [row[0] for row in _available("31001", yesterday, TODAY, eve, DAY)] == [TODAY, DAY]
    sold = _changed(0, saleFrom="2026-11-24", saleTo="2026-11-25")
    days = [TODAY + timedelta(days=days) for days in range(5)]
    assert [row[0] for row in _available("31001", *days, of=sold)] == days[1:3]


def test_a_slot_that_has_ended_today_is_left_out_and_with_the_last_one_the_day() -> None:
    assert [row[:2] for row in _available("31005", TODAY, DAY)] == [(TODAY, TWO), (DAY, TEN), (DAY, TWO)]
    within = datetime(2026, 11, 23, 13, 59, tzinfo=UTC)
    assert [row[:2] for row in _available("31005", TODAY, now=within)] == [(TODAY, TWO)]
    assert _available("31005", TODAY, now=within + timedelta(minutes=1)) == []


def test_today_is_the_venues() -> None:
    before_midnight = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    assert [row[0] for row in _available("31001", TODAY, DAY, now=before_midnight)] == [TODAY, DAY]
    assert [row[0] for row in _available("31001", TODAY, DAY, now=before_midnight + timedelta(minutes=1))] == [DAY]


def test_what_an_operator_has_set_counts_in_place_of_the_catalogs_capacity() -> None:
    main = VisitSlot("MAIN", DAY, None)
    assert _available("31001", standings={main: Standing(2, 1, overridden=True, override=3)}) == [(DAY, None, 3, 0)]
    assert _available("31001", standings={main: Standing(2, 1, overridden=True)}) == [(DAY, None, None, None)]


def test_more_taken_than_a_new_catalog_gives_leaves_nothing_free() -> None:
    assert _available("31001", standings={VisitSlot("MAIN", DAY, None): Standing(sold=501)}) == [(DAY, None, 500, 0)]


def test_of_several_timed_admissions_there_is_a_row_where_their_slots_meet() -> None:
    of = _timed((8, [(9, 12), (13, 15)]), (5, [(10, 11), (11, 14)]))
    standings = {VisitSlot("A", DAY, time(9)): Standing(sold=6), VisitSlot("B", DAY, time(11)): Standing(held=2)}
    assert _available("1", of=of, standings=standings) == [
        (DAY, time(10), 5, 2),  # 9-12 and 10-11
        (DAY, time(11), 5, 2),  # 9-12 and 11-14
        (DAY, time(13), 5, 3),  # 13-15 and 11-14
    ]


def test_a_ticket_whose_admissions_never_meet_cannot_be_bought() -> None:
    assert _available("1", of=_timed((8, [(9, 10)]), (5, [(10, 11)]))) == []


def test_a_package_counts_whole_packages() -> None:
    of = _catalog(
        (Admission("MAIN", capacity=11), Admission("TOUR", capacity=9, slots=(Slot(TEN, time(11)),))),
        _item("adult", "ticket", admissions=("MAIN", "TOUR")),
        _item("class", "ticket", admissions=("MAIN",), group_ticket=True),
        _item("coffee", "coupon"),
        _item("1", "package", components=(Component("adult", 2), Component("class", 3), Component("coffee", 5))),
    )
    assert _available("1", of=of) == [(DAY, TEN, 2, 2)]  # 5 places of MAIN, 2 of TOUR
    assert _available("1", of=of, standings={VisitSlot("MAIN", DAY, None): Standing(sold=2)}) == [(DAY, TEN, 2, 1)]
    assert _available("1", of=of, standings={VisitSlot("TOUR", DAY, TEN): Standing(held=8)}) == [(DAY, TEN, 2, 0)]


def test_a_package_is_sold_on_its_own_days_and_closed_with_its_components() -> None:
    of = _changed(4, saleFrom="2026-12-23", saleTo="2026-12-25")
    days = [date(2026, 12, day) for day in range(22, 27)]
    assert {row[0].day for row in _available("40001", *days, of=of)} == {23, 25}
    of = _changed(1, saleTo="2026-11-01")  # the tour alone is not sold any more
    assert len(_available("40001", of=of)) == 2


def test_a_package_of_coupons_is_unlimited() -> None:
    of = _catalog((), _item("2", "coupon"), _item("1", "package", components=(Component("2", 3),)))
    assert _available("1", of=of) == [(DAY, None, None, None)]


def test_a_package_that_needs_a_schedule_has_a_row_a_day() -> None:
    morning = Admission("WALK", capacity=8, slots=(Slot(time(9), TEN), Slot(TEN, time(11))))
    evening = Admission("BOAT", capacity=9, slots=(Slot(time(18), time(19)), Slot(time(20), time(21))))
    of = _catalog(
        (morning, evening),
        _item("walk", "ticket", admissions=("WALK",)),
        _item("boat", "ticket", admissions=("BOAT",)),
        _item("1", "package", components=(Component("walk", 1), Component("boat", 2))),
    )
    assert _available("1", of=of) == [(DAY, None, 4, 4)]
    standings = {VisitSlot("WALK", DAY, time(9)): Standing(sold=6), VisitSlot("WALK", DAY, TEN): Standing(sold=5)}
    assert _available("1", of=of, standings=standings) == [(DAY, None, 4, 3)]
    assert _available("1", TODAY, of=of) == []  # both walks are over


def test_admissions_whose_places_are_needed() -> None:
    assert {item.item_number: sorted(admissions_needed(CATALOG, item)) for item in CATALOG.items} == {
        "31001": ["MAIN"],
        "31005": ["MAIN", "TOUR"],
        "31009": ["MAIN"],
        "33001": [],
        "40001": ["MAIN", "TOUR"],
    }
