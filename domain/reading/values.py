"""The checks of single values: text, numbers, formats, choices. Each makes a check for one declared type."""

import re
from collections.abc import Callable, Iterator
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET

from domain.faults import FAULT_LIMIT, Token
from domain.reading.walk import Check, Walk, kind_of

_UUID_FORM = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_DATE_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_FORM = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")

_NUL_MESSAGE = "Text cannot contain the character U+0000."


def text_check(least: int | None, most: int | None, pattern: str | None) -> Check:
    """Lengths count Unicode code points; `pattern` is searched for, so it anchors itself (with \\Z, not $)."""
    shortest = least or 0
    longest = float("inf") if most is None else most
    matches = None if pattern is None else re.compile(pattern).search

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not str:
            return walk.fault(token, "wrong_type", f"Expected a string, got {kind_of(value)}.")
        kept: object = value
        if len(value) > longest:
            kept = walk.fault(token, "too_long", f"Expected at most {most} characters, got {len(value)}.")
        elif len(value) < shortest:
            kept = walk.fault(token, "too_short", f"Expected at least {least} characters, got {len(value)}.")
        if walk.nul and "\0" in value:
            return walk.fault(token, "bad_format", _NUL_MESSAGE)
        if kept is not UNSET and matches is not None and matches(value) is None:
            return walk.fault(token, "bad_format", f"Expected text that matches {pattern}.")
        return kept

    return check


def whole_number_check(least: int | None, most: int | None) -> Check:
    """Numbers written without fraction and exponent: 1.0 is none."""
    expected = _range("a whole number", least, most)

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not int:
            got = "one with a fraction or an exponent" if isinstance(value, float | Decimal) else kind_of(value)
            return walk.fault(token, "wrong_type", f"Expected a whole number, got {got}.")
        if (least is not None and value < least) or (most is not None and value > most):
            return walk.fault(token, "out_of_range", f"Expected {expected}.")
        return value

    return check


def decimal_check(least: Decimal | None, most: Decimal | None) -> Check:
    """JSON numbers, with the digits that they were written with; never text."""
    expected = _range("a number", least, most)

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not int and type(value) is not Decimal:
            return walk.fault(token, "wrong_type", f"Expected a number, got {kind_of(value)}.")
        number = Decimal(value)
        if (least is not None and number < least) or (most is not None and number > most):
            return walk.fault(token, "out_of_range", f"Expected {expected}.")
        return number

    return check


def _range(what: str, least: object, most: object) -> str:
    if least is not None and most is not None:
        return f"{what} from {least} to {most}"
    bounds = "" if least is None else f" of at least {least}"
    return what + bounds + ("" if most is None else f" of at most {most}")


def boolean_check(value: object, token: Token | None, walk: Walk) -> object:
    """true or false, and nothing that counts as them elsewhere."""
    if type(value) is not bool:
        return walk.fault(token, "wrong_type", f"Expected true or false, got {kind_of(value)}.")
    return value


def choice_check(values: tuple[object, ...]) -> Check:
    """One of a fixed set of texts. Raises TypeError for a set of anything else."""
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"a body chooses among texts only: {values}")
    expected = ", ".join(sorted(map(str, values)))

    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not str:
            return walk.fault(token, "wrong_type", f"Expected a string, got {kind_of(value)}.")
        if value not in values:
            return walk.fault(token, "unknown_value", f"Expected one of: {expected}.")
        return value

    return check


def _format_check(form: re.Pattern[str], parse: Callable[[str], object], expected: str) -> Check:
    def check(value: object, token: Token | None, walk: Walk) -> object:
        if type(value) is not str:
            return walk.fault(token, "wrong_type", f"Expected a string, got {kind_of(value)}.")
        if form.fullmatch(value) is not None:
            try:
                return parse(value)
            except ValueError:  # the form is right, but there is no such day
                pass
        return walk.fault(token, "bad_format", f"Expected {expected}.")

    return check


uuid_check = _format_check(_UUID_FORM, UUID, "a UUID, as in 9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8")
date_check = _format_check(_DATE_FORM, date.fromisoformat, "a date that exists, as YYYY-MM-DD")
time_check = _format_check(_TIME_FORM, time.fromisoformat, "a time of day, as HH:mm:ss")


def anything_check(value: object, token: Token | None, walk: Walk) -> object:
    """Any value without U+0000 in its texts. Without recursion: it may be nested as deep as the decoder goes."""
    if not walk.nul:
        return value
    kept: object = value
    outside = len(walk.path)
    walk.path.append(None)  # one for each iterator, so that a pop of both leads back
    levels: list[Iterator[tuple[Token | None, object]]] = [iter([(token, value)])]
    while levels:
        for step, here in levels[-1]:
            if type(here) is str:
                if "\0" in here:
                    kept = walk.fault(step, "bad_format", _NUL_MESSAGE)
                    if len(walk.faults) > FAULT_LIMIT:
                        levels.clear()
                        break
            elif here and (type(here) is list or type(here) is dict):
                walk.path.append(step)
                levels.append(iter(here.items() if type(here) is dict else enumerate(here)))
                break
        else:
            levels.pop()
            walk.path.pop()
    del walk.path[outside:]
    return kept
