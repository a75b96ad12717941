"""The words of a manifest in the languages that there are: a file a language, named as orders name it.

To add one, add its file: what is missing in it is told when the service starts.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec
from babel.dates import format_date, format_time
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FALLBACK: Final = "ENU"
_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)\Z")


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """`codes`: by which orders, partners and browsers ask for it. `tag`: BCP 47. `locale`: of days and times (CLDR)."""

    codes: tuple[str, ...]
    tag: str
    locale: str
    title: str
    order: str
    guest: str
    visit: str
    visit_at: str
    persons: str
    reference: str
    ticket: str
    coupon: str
    valid: str
    used: str
    code_of: str
    show_this: str
    print: str
    not_found_title: str
    not_found: str
    gone_title: str
    gone: str
    unavailable_title: str
    unavailable: str

    def day_and_time(self, day: date, moment: time) -> str:
        """Both in words, as one says them in this language: Tuesday, December 1, 2026, 10:30 AM."""
        return _day_and_time(self.visit_at, day, moment, self.locale)

    def used_at(self, moment: datetime) -> str:
        """When a ticket was used, by the clock that `moment` is of."""
        return self.used.format(
            date=format_date(moment.date(), format="medium", locale=self.locale),
            time=format_time(moment.time(), format="short", locale=self.locale),
        )


@lru_cache(maxsize=1024)
def _day_and_time(pattern: str, day: date, moment: time, locale: str) -> str:
    return pattern.format(
        date=format_date(day, format="full", locale=locale), time=format_time(moment, format="short", locale=locale)
    )


def _read() -> Mapping[str, Texts]:
    """Every file of this folder by its codes. Raises msgspec.ValidationError for one that is not whole."""
    read: dict[str, Texts] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            texts = msgspec.json.decode(file.read_bytes(), type=Texts)
            read |= dict.fromkeys(texts.codes, texts)
    return read


# Words of the program like any other, read once when it starts.
TEXTS: Final = _read()


def texts_in(language: str) -> Texts:
    """The words in this language (any case), else in English."""
    return TEXTS.get(language.upper(), TEXTS[_FALLBACK])


def texts_for(accept_language: Iterable[str], otherwise: str) -> Texts:
    """The words that a browser asks for by Accept-Language (RFC 9110, section 12.5.4), else those `otherwise`."""
    found: tuple[float, Texts] | None = None
    for asked in ",".join(accept_language).split(","):
        tag, *parameters = (part.strip() for part in asked.split(";"))
        texts = TEXTS.get(tag.upper()) or TEXTS.get(tag.partition("-")[0].upper())
        quality = _quality(parameters)
        if texts is not None and quality > 0 and (found is None or quality > found[0]):
            found = quality, texts
    return found[1] if found is not None else texts_in(otherwise)


def _quality(parameters: list[str]) -> float:
    match = _QUALITY.match(parameters[0].lower()) if parameters else None
    return float(match[1]) if match is not None else 1.0
