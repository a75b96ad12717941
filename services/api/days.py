"""Days in paths and queries, and the range of them that a query asks for."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.api.query_faults import QueryFaults

if TYPE_CHECKING:
    from services.api.call import Call


class DayRange(NamedTuple):
    """From the first to the last day, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days) for days in range((self.last - self.first).days + 1)]


def parse_day(text: str) -> date | None:
    """`YYYY-MM-DD`, a day that exists; None for anything else."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(text, date)
    return None


def query_range(call: Call, most_days: int) -> DayRange:
    """The query's `from` and `to`. Raises Problem 400 with every fault."""
    query = QueryFaults(call)
    first = query.read(partial(_query_day, name="from"), date.min)
    last = query.read(partial(_query_day, name="to"), date.min)
    query.ensure_none()
    if last < first:
        call.query_fault("to", "out_of_range", "to is not before from: both days count.")
    if (last - first).days >= most_days:
        call.query_fault("to", "out_of_range", f"from and to are at most {most_days} days, both counted.")
    return DayRange(first, last)


def _query_day(call: Call, name: str) -> date:
    day = parse_day(query_text(call, name))
    if day is None:
        call.query_fault(name, "bad_format", f"{name} is a date that exists, as YYYY-MM-DD.")
    return day


def query_text(call: Call, name: str) -> str:
    """What the query gives for a parameter that it must have. Raises Problem 400."""
    text = call.query(name)
    if text is None:
        call.query_fault(name, "required", f"{name} is required in the query.")
    return text
