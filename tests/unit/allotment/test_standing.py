"""How days and slots stand, as operators see them."""

from datetime import date, time

from domain.allotment.standing import UNTOUCHED, Allotment, Standing, allotment, allotments
from domain.allotment.taking import VisitSlot
from domain.catalog.items import Admission, Slot

EVE, DAY = date(2026, 12, 24), date(2026, 12, 25)
TEN, TWO = time(10), time(14)
MAIN = Admission("MAIN", capacity=500, closed=(EVE,))
TOUR = Admission("TOUR", capacity=20, slots=(Slot(TWO, time(15)), Slot(TEN, time(11))))


def _figures(rows: list[Allotment]) -> list[tuple[object, ...]]:
    return [(row.slot.visit_date, row.slot.slot_start, *row[1:]) for row in rows]


def test_every_day_and_slot_is_shown_in_order_though_nothing_was_sold() -> None:
    assert _figures(allotments("TOUR", TOUR, [EVE, DAY], {})) == [
        (day, start, 20, 0, 0, 20) for day in (EVE, DAY) for start in (TEN, TWO)
    ]


def test_what_is_held_and_what_is_sold_are_both_taken() -> None:
    standings = {VisitSlot("TOUR", DAY, TEN): Standing(held=3, sold=5), VisitSlot("MAIN", DAY, TWO): Standing(sold=1)}
    assert _figures(allotments("TOUR", TOUR, [DAY], standings)) == [(DAY, TEN, 20, 3, 5, 12), (DAY, TWO, 20, 0, 0, 20)]


def test_a_closed_day_is_shown_with_nothing_free() -> None:
    standings = {VisitSlot("MAIN", EVE, None): Standing(sold=5)}
    assert _figures(allotments("MAIN", MAIN, [EVE], standings)) == [(EVE, None, 500, 0, 5, 0)]
    unlimited = Admission("MAIN", closed=(EVE,))
    assert _figures(allotments("MAIN", unlimited, [EVE, DAY], {})) == [
        (EVE, None, None, 0, 0, 0),
        (DAY, None, None, 0, 0, None),
    ]


def test_a_catalog_that_gives_less_than_is_taken_leaves_nothing_free_and_takes_nothing_back() -> None:
    shown = allotment(VisitSlot("MAIN", DAY, None), Admission("MAIN", capacity=2), Standing(held=1, sold=3))
    assert shown[1:] == (2, 1, 3, 0)


def test_what_an_operator_has_set_counts_whatever_the_catalog_says() -> None:
    slot = VisitSlot("MAIN", DAY, None)
    assert allotment(slot, MAIN, Standing(2, 3, overridden=True, override=10))[1:] == (10, 2, 3, 5)
    assert allotment(slot, MAIN, Standing(2, 3, overridden=True, override=None))[1:] == (None, 2, 3, None)
    unlimited = Admission("MAIN")
    assert allotment(slot, unlimited, Standing(2, 3, overridden=True, override=5))[1:] == (5, 2, 3, 0)


def test_a_slot_that_the_catalog_has_no_more_is_shown_while_something_of_it_is_taken_or_set() -> None:
    noon, day_long = time(12), None
    standings = {
        VisitSlot("TOUR", DAY, noon): Standing(sold=4),
        VisitSlot("TOUR", DAY, day_long): Standing(overridden=True, override=7),
        VisitSlot("TOUR", DAY, time(13)): UNTOUCHED,  # taken once, given back
    }
    assert _figures(allotments("TOUR", TOUR, [EVE, DAY], standings)) == [
        (EVE, TEN, 20, 0, 0, 20),
        (EVE, TWO, 20, 0, 0, 20),
        (DAY, None, 7, 0, 0, 0),
        (DAY, TEN, 20, 0, 0, 20),
        (DAY, noon, 0, 0, 4, 0),
        (DAY, TWO, 20, 0, 0, 20),
    ]


def test_of_an_admission_that_the_catalog_has_no_more_what_is_taken_is_shown() -> None:
    standings = {VisitSlot("GONE", DAY, None): Standing(held=1)}
    assert _figures(allotments("GONE", None, [EVE, DAY], standings)) == [(DAY, None, 0, 1, 0, 0)]
