"""The time zones that a venue can be in: the names of the IANA database that comes with the program."""

from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

# A table of the program like any other, read once when it starts. The names that the machine happens to know would not
# do: they differ between machines, and some of them count leap seconds.
TIME_ZONES: Final = frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of one of TIME_ZONES. Raises ValueError for any other name."""
    if name not in TIME_ZONES:
        raise ValueError(f"unknown time zone: {name}")
    return ZoneInfo(name)
