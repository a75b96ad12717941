"""Whole numbers in a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.api.call import Call

LARGEST = 2**63 - 1


def positive_number(call: Call, name: str) -> int | None:
    """The query's number, 1 or more, None where it has none; one too large to be anything here is LARGEST.

    Raises Problem 400.
    """
    text = call.query(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        call.query_fault(name, "bad_format", f"{name} is a whole number.")
    significant = digits.lstrip("0")
    if text.startswith("-") or not significant:
        call.query_fault(name, "out_of_range", f"{name} is at least 1.")
    # By its length first: Python refuses to read very long numbers.
    return min(int(significant), LARGEST) if len(significant) <= len(str(LARGEST)) else LARGEST
