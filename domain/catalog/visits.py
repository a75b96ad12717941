"""When a visit can be booked: the venue's days, its slots, and the time that has gone by."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from domain.catalog.items import Admission, Catalog, Item, Slot
from domain.catalog.time_zones import time_zone

VisitDate: TypeAlias = date | UnsetType
VisitTime: TypeAlias = time | UnsetType


_ANSWERS_KEPT = 10_000


class VisitFault(NamedTuple):
    """What is wrong with a visit: the line's field, the validation code, a sentence for the partner's engineer."""

    field: str
    code: str
    message: str


def visit_faults(
    catalog: Catalog,
    item: Item,
    visit_date: VisitDate,
    visit_time: VisitTime,
    now: datetime,
    *,
    sold_as: Item | None = None,
) -> tuple[VisitFault, ...]:
    """Everything wrong with a visit of this item, each code once; `now` is aware.

    A date or time that is UNSET is not known, and nothing is said about it. Of a day that has gone by, that is all that
    is said. `sold_as`: the package, where the item is a component of one: its days of sale count, and not the item's
    own. What is asked again within a second (agents sell the same days over and over) is answered from memory.
    """
    asked = catalog.visits_asked
    second = now.timestamp() // 1
    if asked.second != second or len(asked.answers) > _ANSWERS_KEPT:
        asked.second, asked.answers = second, {}
    sold = sold_as or item
    visit = (item.item_number, sold.item_number, visit_date, visit_time)
    answer: tuple[VisitFault, ...] | None = asked.answers.get(visit)
    if answer is None:
        answer = asked.answers[visit] = tuple(_visit_faults(catalog, item, sold, visit_date, visit_time, now))
    return answer


def _visit_faults(
    catalog: Catalog, item: Item, sold: Item, visit_date: VisitDate, visit_time: VisitTime, now: datetime
) -> list[VisitFault]:
    local_now = now.astimezone(time_zone(catalog.venue.time_zone))
    admissions = catalog.admissions_of(item)
    faults: list[VisitFault] = []
    if visit_date is not UNSET:
        faults += day_faults(sold, admissions, visit_date, local_now.date())
    if visit_time is not UNSET:
        faults += _time_faults(admissions, visit_date, visit_time, local_now)
    return faults


def day_faults(sold: Item, admissions: Sequence[Admission], day: date, today: date) -> Iterator[VisitFault]:
    """What is wrong with the day. `sold`: of which the days of sale count. `today` is the venue's."""
    if day < today:
        yield VisitFault("visitDate", "past_date", f"This day is over: it is {today} at the venue.")
        return
    if sold.sale_from is not None and day < sold.sale_from:
        yield VisitFault("itemNumber", "not_on_sale", f"This is sold for visits from {sold.sale_from} on.")
    elif sold.sale_to is not None and day > sold.sale_to:
        yield VisitFault("itemNumber", "not_on_sale", f"This is sold for visits until {sold.sale_to}.")
    closed = next((admission for admission in admissions if admission.is_closed_on(day)), None)
    if closed is not None:
        yield VisitFault("visitDate", "closed_day", f"{closed.admission} is closed on this day.")


def _time_faults(
    admissions: list[Admission], day: VisitDate, moment: time, local_now: datetime
) -> Iterator[VisitFault]:
    slots = [(admission, admission.slot_at(moment)) for admission in admissions if admission.is_timed]
    missing = next((admission for admission, slot in slots if slot is None), None)
    if missing is not None:
        offered = ", ".join(f"{slot.start}-{slot.end}" for slot in missing.slots[:10])
        more = ", ..." if len(missing.slots) > 10 else ""
        yield VisitFault("visitTime", "no_such_slot", f"{missing.admission} has no slot then, but: {offered}{more}.")
    if day is UNSET or day != local_now.date():
        return
    if any(slot is not None and has_ended(slot, day, local_now) for _, slot in slots):
        yield VisitFault("visitTime", "past_date", "The slot of this time has ended.")


def has_ended(slot: Slot, day: date, local_now: datetime) -> bool:
    """Whether no moment of the slot on this day is still to come. `local_now` is in the venue's time zone.

    Where the clock goes back, the moments of the repeated hour come twice: a slot in it has ended when its last moment
    has passed the second time. Where the clock goes forward, the missing hour is over once the clock has jumped.
    """
    end = datetime.combine(day, slot.end)
    if local_now.replace(tzinfo=None) < end:
        return False
    # The clock is past the end, but it may go back: fold=1 is the second time of a moment that comes twice, and any
    # other moment's only one. (Of a moment that is left out it is a time before the jump, so before now.)
    last = (end - timedelta.resolution).replace(tzinfo=local_now.tzinfo, fold=1)
    return last.astimezone(UTC) < local_now.astimezone(UTC)
