"""Moments in a query: RFC 3339 timestamps."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from services.api.call import Call

# Up to the second, its fraction to the microsecond, the zone. Stricter than msgspec, which takes zones without a colon.
_RFC_3339: Final = re.compile(r"([0-9-]{10}[Tt][0-9:]{8})(?:(\.[0-9]{1,6})[0-9]*)?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z")


def query_moment(call: Call, name: str) -> datetime | None:
    """The query's timestamp, None where it has none; its `+` may have become a space on the way. Raises Problem 400.

    What is finer than a microsecond is left out, not rounded: a bound must not move past what lies behind it.
    """
    text = call.query(name)
    if text is None:
        return None
    if written := _RFC_3339.match(text.replace(" ", "+")):
        with suppress(msgspec.ValidationError):
            return msgspec.convert("".join(written.groups("")), datetime)
    call.query_fault(name, "bad_format", f"{name} is an RFC 3339 timestamp with a time zone.")
