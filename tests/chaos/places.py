"""A day with few places, which a part of the load wants: never more are taken than there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg

from tests.chaos.history import Content
from tests.chaos.looking import LookingAtDatabase
from tests.e2e.client import Client

PLACES: Final = 30
_ADMISSION: Final = "MAIN"
_ONE_IN: Final = 3

_OVERBOOKED: Final = """
    select admission, visit_date, held, sold, capacity from allotments
    where overridden and held + sold > capacity
"""


def narrow_day() -> date:
    """Some day that all can still book."""
    return (datetime.now(UTC) + timedelta(days=31)).date()


def wants_the_narrow_day(content: Content) -> bool:
    """Follows from the content, so that a body that is sent again is the same."""
    return int(content.mark.rpartition(" ")[2]) % _ONE_IN == 0


def make_it_narrow(operator: Client) -> None:
    operator.got("PUT", f"/admin/allotments/{_ADMISSION}/{narrow_day()}", {"capacity": PLACES})


class PlacesWatch(LookingAtDatabase):
    """Sees a slot of which more is taken than there is. `most`: places of the narrow day that were taken at once."""

    counted = "looks at the places taken"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._seen: set[str] = set()
        self.most = 0

    def _found(self) -> list[str]:
        return sorted(self._seen)

    def look(self, connection: psycopg.Connection) -> None:
        for admission, day, held, sold, capacity in connection.execute(_OVERBOOKED).fetchall():
            self._seen.add(f"{admission} on {day}: {held} held and {sold} sold of {capacity}")
        taken = connection.execute("select max(held + sold) from allotments where overridden").fetchone()
        self.most = max(self.most, (taken and taken[0]) or 0)
        self.looks += 1
