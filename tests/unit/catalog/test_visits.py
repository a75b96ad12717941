"""When a visit can be booked, on the venue's calendar and clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from domain.catalog.items import Admission, Item, Slot
from domain.catalog.time_zones import TIME_ZONES, time_zone
from domain.catalog.visits import VisitDate, VisitTime, has_ended, visit_faults
from tests.unit.catalog.catalogs import of_one, ticket

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
TODAY = date(2026, 11, 23)
TOMORROW = date(2026, 11, 24)
NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)  # 12:00 in Copenhagen
SLOTS = (Slot(time(10), time(12)), Slot(time(12), time(13)), Slot(time(14), time(15)))
DAY = Admission("DAY")
TOUR = Admission("TOUR", slots=SLOTS)


def wrong(
    day: VisitDate, moment: VisitTime, *admissions: Admission, item: Item | None = None, now: datetime = NOON
) -> list[tuple[str, str]]:
    visited = item if item is not None else ticket(*(admission.admission for admission in admissions))
    return [
        (fault.field, fault.code) for fault in visit_faults(of_one(visited, *admissions), visited, day, moment, now)
    ]


def test_a_visit_today_and_later_can_be_booked_whatever_the_hour() -> None:
    assert wrong(TODAY, time(0), DAY) == []
    assert wrong(TODAY, time(23, 59, 59), DAY) == []
    assert wrong(date(2099, 1, 1), time(0)) == []


def test_a_visit_before_today_cannot() -> None:
    assert wrong(TODAY - timedelta(days=1), time(23, 59, 59), DAY) == [("visitDate", "past_date")]


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 23, 0, 0, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 6, 30, 22, 0, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_today_is_the_venues(now: datetime, today: date) -> None:
    assert wrong(today, time(0), DAY, now=now) == []
    assert wrong(today - timedelta(days=1), time(0), DAY, now=now) == [("visitDate", "past_date")]


def test_now_may_be_given_in_any_time_zone() -> None:
    now = datetime(2026, 11, 24, 8, 0, tzinfo=ZoneInfo("Asia/Tokyo"))  # 00:00 in Copenhagen
    assert wrong(TODAY, time(0), DAY, now=now) == [("visitDate", "past_date")]
    assert wrong(TODAY, time(0), DAY, now=now - timedelta(seconds=1)) == []


def test_a_closed_day_cannot_be_booked_whichever_admission_is_closed() -> None:
    closed = Admission("CLOSED", closed=(TOMORROW,))
    assert wrong(TOMORROW, time(10), DAY, closed) == [("visitDate", "closed_day")]
    assert wrong(TODAY, time(10), DAY, closed) == []
    assert wrong(TOMORROW, time(10), closed, Admission("B", closed=(TOMORROW,))) == [("visitDate", "closed_day")]


@pytest.mark.parametrize(
    ("day", "sold"),
    [
        (date(2026, 11, 30), False),
        (date(2026, 12, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_an_item_is_sold_for_visits_on_its_days_of_sale_inclusive(day: date, sold: bool) -> None:
    item = ticket(sale_from=date(2026, 12, 1), sale_to=date(2026, 12, 31))
    assert wrong(day, time(10), item=item) == ([] if sold else [("itemNumber", "not_on_sale")])


def test_of_a_day_that_is_over_nothing_else_is_said() -> None:
    item = ticket("A", sale_from=date(2026, 12, 1))
    closed = Admission("A", closed=(date(2026, 1, 1),), slots=SLOTS)
    assert wrong(date(2026, 1, 1), time(10), closed, item=item) == [("visitDate", "past_date")]


def test_everything_wrong_is_told_at_once() -> None:
    item = ticket("A", sale_from=date(2026, 12, 1))
    closed = Admission("A", closed=(TOMORROW,), slots=SLOTS)
    assert wrong(TOMORROW, time(13), closed, item=item) == [
        ("itemNumber", "not_on_sale"),
        ("visitDate", "closed_day"),
        ("visitTime", "no_such_slot"),
    ]


@pytest.mark.parametrize(("moment", "fits"), [(time(9, 59, 59), False), (time(10), True), (time(13), False)])
def test_a_visit_of_a_timed_admission_lies_in_a_slot(moment: time, fits: bool) -> None:
    expected = [] if fits else [("visitTime", "no_such_slot")]
    assert wrong(TOMORROW, moment, TOUR) == expected
    assert wrong(TOMORROW, moment, DAY, TOUR) == expected
    assert wrong(UNSET, moment, TOUR) == expected


def test_a_visit_lies_in_a_slot_of_every_timed_admission() -> None:
    other = Admission("OTHER", slots=(Slot(time(11), time(12)),))
    assert wrong(TOMORROW, time(11, 30), TOUR, other) == []
    assert wrong(TOMORROW, time(10, 30), TOUR, other) == [("visitTime", "no_such_slot")]
    assert wrong(TOMORROW, time(13), TOUR, other) == [("visitTime", "no_such_slot")]


def test_a_visit_in_a_slot_that_has_ended_is_past_and_in_one_that_goes_on_is_not() -> None:
    assert wrong(TODAY, time(10), TOUR) == [("visitTime", "past_date")]
    assert wrong(TODAY, time(10), TOUR, now=NOON - timedelta(microseconds=1)) == []
    assert wrong(TODAY, time(12), TOUR) == []
    assert wrong(TOMORROW, time(10), TOUR) == []
    assert wrong(TODAY, time(10), DAY, TOUR) == [("visitTime", "past_date")]


def test_a_slot_that_ended_an_hour_ago_is_past() -> None:
    an_hour_after = datetime(2026, 11, 23, 12, tzinfo=UTC)  # 13:00; the slot was from 10 to 12
    assert wrong(TODAY, time(10, 30), TOUR, now=an_hour_after) == [("visitTime", "past_date")]


def test_a_component_is_sold_on_the_days_of_its_package() -> None:
    tour = ticket("TOUR", sale_to=date(2020, 1, 1))
    package = replace(ticket(), item_number="P", sale_from=date(2026, 12, 1))
    catalog = of_one(tour, TOUR)
    [early] = visit_faults(catalog, tour, TOMORROW, time(10), NOON, sold_as=package)
    assert (early.field, early.code) == ("itemNumber", "not_on_sale")
    assert early.message.endswith("from 2026-12-01 on.")
    assert visit_faults(catalog, tour, date(2026, 12, 1), time(10), NOON, sold_as=package) == ()
    [alone] = visit_faults(catalog, tour, TOMORROW, time(10), NOON)
    assert (alone.code, alone.message) == ("not_on_sale", "This is sold for visits until 2020-01-01.")


def test_a_slot_missing_in_one_admission_does_not_hide_one_ended_in_another() -> None:
    other = Admission("OTHER", slots=(Slot(time(20), time(21)),))
    assert wrong(TODAY, time(10), TOUR, other) == [("visitTime", "no_such_slot"), ("visitTime", "past_date")]


def test_nothing_is_said_about_what_is_not_known() -> None:
    closed = Admission("A", closed=(TOMORROW,), slots=SLOTS)
    assert wrong(UNSET, UNSET, closed) == []
    assert wrong(TOMORROW, UNSET, closed) == [("visitDate", "closed_day")]
    assert wrong(UNSET, time(10), closed) == []


def test_a_message_names_the_slots_that_there_are_ten_at_most() -> None:
    slots = tuple(Slot(time(hour), time(hour, 30)) for hour in range(10))
    ten, eleven = Admission("A", slots=slots), Admission("A", slots=(*slots, Slot(time(10), time(11))))
    [few] = visit_faults(of_one(ticket("A"), ten), ticket("A"), TOMORROW, time(12), NOON)
    [more] = visit_faults(of_one(ticket("A"), eleven), ticket("A"), TOMORROW, time(12), NOON)
    assert few.message.endswith("09:00:00-09:30:00.")
    assert more.message.endswith("09:00:00-09:30:00, ....")


# The clock of Copenhagen goes back from 03:00 to 02:00 on 2026-10-25 at 01:00Z, and forward from 02:00 to 03:00 on
# 2026-03-29 at 01:00Z.
BACK = date(2026, 10, 25)
FORWARD = date(2026, 3, 29)


@pytest.mark.parametrize(
    ("day", "start", "end", "ended_at"),
    [
        (BACK, "00:30", "01:30", "2026-10-24T23:30Z"),
        (BACK, "01:00", "02:00", "2026-10-25T00:00Z"),  # no moment of it is repeated
        (BACK, "02:00", "02:30", "2026-10-25T01:30Z"),  # the second time, not at 00:30Z
        (BACK, "02:15", "02:45", "2026-10-25T01:45Z"),
        (BACK, "01:30", "02:30", "2026-10-25T01:30Z"),
        (BACK, "02:00", "03:00", "2026-10-25T02:00Z"),  # 03:00 comes once, after both hours
        (BACK, "02:30", "03:30", "2026-10-25T02:30Z"),
        (BACK, "10:00", "11:00", "2026-10-25T10:00Z"),
        (FORWARD, "01:00", "02:00", "2026-03-29T01:00Z"),
        (FORWARD, "02:00", "02:30", "2026-03-29T01:00Z"),  # never begins: over with the jump
        (FORWARD, "02:30", "03:00", "2026-03-29T01:00Z"),
        (FORWARD, "01:30", "02:30", "2026-03-29T01:00Z"),
        (FORWARD, "02:30", "03:30", "2026-03-29T01:30Z"),
        (FORWARD, "10:00", "11:00", "2026-03-29T09:00Z"),
    ],
)
def test_a_slot_ends_once_on_the_days_when_the_clock_is_changed(day: date, start: str, end: str, ended_at: str) -> None:
    slot = Slot(time.fromisoformat(start), time.fromisoformat(end))
    moment = datetime.fromisoformat(ended_at)
    for minutes in range(1, 24 * 60, 7):
        assert not has_ended(slot, day, (moment - timedelta(minutes=minutes)).astimezone(COPENHAGEN))
        assert has_ended(slot, day, (moment + timedelta(minutes=minutes)).astimezone(COPENHAGEN))
    assert not has_ended(slot, day, (moment - timedelta(microseconds=1)).astimezone(COPENHAGEN))
    assert has_ended(slot, day, moment.astimezone(COPENHAGEN))


def test_a_visit_in_the_repeated_hour_is_past_once_its_slot_has_ended_the_second_time() -> None:
    night = Admission("NIGHT", slots=(Slot(time(2), time(2, 30)), Slot(time(2, 30), time(3))))
    early, late = time(2, 15), time(2, 45)
    past = [("visitTime", "past_date")]

    def at(hour: int, minute: int) -> datetime:
        return datetime(2026, 10, 25, hour, minute, tzinfo=UTC)

    assert wrong(BACK, early, night, now=at(0, 45)) == []  # 02:45 for the first time
    assert wrong(BACK, early, night, now=at(1, 29)) == []  # 02:29 for the second time
    assert wrong(BACK, early, night, now=at(1, 30)) == past
    assert wrong(BACK, late, night, now=at(1, 0)) == []  # 02:00 for the second time
    assert wrong(BACK, late, night, now=at(1, 59)) == []
    assert wrong(BACK, late, night, now=at(2, 0)) == past  # 03:00


def test_a_visit_in_the_missing_hour_is_past_once_the_clock_has_jumped() -> None:
    night = Admission("NIGHT", slots=(Slot(time(2), time(2, 30)), Slot(time(2, 30), time(3, 30))))
    just_before, jumped = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert wrong(FORWARD, time(2, 15), night, now=just_before) == []
    assert wrong(FORWARD, time(2, 15), night, now=jumped) == [("visitTime", "past_date")]
    assert wrong(FORWARD, time(2, 45), night, now=jumped) == []  # its slot goes on until 03:30
    assert wrong(FORWARD, time(2, 45), night, now=jumped + timedelta(minutes=30)) == [("visitTime", "past_date")]


@given(
    st.sampled_from(
        ["Europe/Copenhagen", "America/Havana", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata"]
    ),
    st.sampled_from([BACK, FORWARD, date(2026, 11, 1), date(2026, 3, 8), date(2026, 4, 5), date(2018, 2, 17)]),
    st.integers(0, 47),
    st.integers(1, 48),
    st.integers(-60 * 24, 60 * 24),
)
def test_a_slot_has_ended_when_no_moment_of_it_is_to_come(
    zone: str, day: date, start: int, length: int, minutes: int
) -> None:
    """Against the definition itself: walk on from now, and see whether the wall clock comes to lie in the slot."""
    tz = ZoneInfo(zone)
    end = min(start + length, 47)
    if end <= start:
        return
    slot = Slot(time(start // 2, start % 2 * 30), time(end // 2, end % 2 * 30))
    now = datetime.combine(day, time(12), tzinfo=tz).astimezone(UTC) + timedelta(minutes=minutes)
    walls = ((now + timedelta(minutes=step)).astimezone(tz).replace(tzinfo=None) for step in range(0, 60 * 50, 5))
    to_come = any(datetime.combine(day, slot.start) <= wall < datetime.combine(day, slot.end) for wall in walls)
    never_comes = has_ended(slot, day, now.astimezone(tz))
    if to_come:
        assert not never_comes
    elif now.astimezone(tz).replace(tzinfo=None) >= datetime.combine(day, slot.end):
        assert never_comes


def test_a_time_zone_is_known_by_its_exact_name() -> None:
    assert time_zone("Europe/Copenhagen") is time_zone("Europe/Copenhagen")
    assert "UTC" in TIME_ZONES
    with pytest.raises(ValueError, match="unknown time zone"):
        time_zone("right/UTC")
