"""Days in paths and queries, and the range of them that a query asks for."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from domain.faults import Fault

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


def query_range(call: Call, faults: list[Fault], most_days: int) -> DayRange | None:
    """The query's `from` and `to`; None where something is wrong with them, which is added to the faults."""
    first, last = _query_day(call, "from", faults), _query_day(call, "to", faults)
    if first is None or last is None:
        return None
    if last < first:
        faults.append(Fault("/to", "out_of_range", "to is not before from: both days count."))
    elif (last - first).days >= most_days:
        faults.append(Fault("/to", "out_of_range", f"from and to are at most {most_days} days, both counted."))
    else:
        return DayRange(first, last)
    return None


def _query_day(call: Call, name: str, faults: list[Fault]) -> date | None:
    text = query_text(call, name, faults)
    day = parse_day(text) if text is not None else None
    if text is not None and day is None:
        faults.append(Fault(f"/{name}", "bad_format", f"{name} is a date that exists, as YYYY-MM-DD."))
    return day


def query_text(call: Call, name: str, faults: list[Fault]) -> str | None:
    """What the query gives for a parameter that it must have; None where it has none, which is added to the faults."""
    text = call.query(name)
    if text is None:
        faults.append(Fault(f"/{name}", "required", f"{name} is required in the query."))
    return text
