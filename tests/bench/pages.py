"""Lists of orders as a partner asks for them, one page at a time over one connection."""

import http.client
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from urllib.parse import urlencode

import msgspec

from tests.bench.history import SPACING, Past, reference_of
from tests.bench.processes import ProcessFailed
from tests.bench.venue import Venue

PAGE = 100
_WINDOW_ORDERS = 150  # of them some were removed, and the page must be full

Query = dict[str, str]


class Browsed(msgspec.Struct, frozen=True):
    """A venue with a past; `head` is the position of its last event. `orders`: of all that was written there."""

    venue: Venue
    past: Past
    head: int
    orders: int


class Page(msgspec.Struct, frozen=True):
    """What of a page's answer is looked at."""

    data: list[msgspec.Raw]


class ListOf(msgspec.Struct, frozen=True):
    """A kind of list: `query` draws one, anew for each request, so that not always the same rows are read."""

    name: str
    query: Callable[[Browsed, random.Random], Query]
    rows: int = PAGE


class Browser:
    """One keep-alive connection of the venue's partner; ends with the `with` block."""

    def __init__(self, browsed: Browsed) -> None:
        self._browsed = browsed
        self._connection = http.client.HTTPConnection("127.0.0.1", browsed.venue.server.port, timeout=60)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def milliseconds(self, wanted: ListOf, chance: random.Random) -> float:
        """How long a page took, from the request until the whole answer was there.

        Raises ProcessFailed where it is not as many rows as there must be.
        """
        venue = self._browsed.venue
        query = {"pageSize": str(PAGE), **wanted.query(self._browsed, chance)}
        path = f"/channelManager/orders/{venue.partner_id}?{urlencode(query)}"
        began = time.perf_counter_ns()
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {venue.key}"})
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter_ns() - began) / 1e6
        if answer.status != 200:
            raise ProcessFailed(f"GET {path}: {answer.status} {body[:500]!r}")
        rows = len(msgspec.json.decode(body, type=Page).data)
        if rows != wanted.rows:
            raise ProcessFailed(f"GET {path}: {rows} rows, not {wanted.rows}")
        return took


def _fixed(query: Mapping[str, str]) -> Callable[[Browsed, random.Random], Query]:
    return lambda _browsed, _chance: dict(query)


def _window(browsed: Browsed, chance: random.Random) -> Query:
    number = chance.randrange(browsed.past.orders - _WINDOW_ORDERS)
    first = browsed.past.first_received_at + number * SPACING
    return {"receivedAtFrom": _moment(first), "receivedAtTo": _moment(first + _WINDOW_ORDERS * SPACING)}


def _window_of_issued(browsed: Browsed, chance: random.Random) -> Query:
    return {**_window(browsed, chance), "status": "Issued"}


def _changed_after(browsed: Browsed, chance: random.Random) -> Query:
    # Far enough from the end for a full page of orders, each of which has several events.
    return {"sync": "true", "lastRowVersion": str(chance.randrange(browsed.head * 3 // 4))}


def _reference(browsed: Browsed, chance: random.Random) -> Query:
    number = chance.randrange(browsed.orders // 100) * 100 + 50  # an issued one
    return {"sellToOrderReference": reference_of(number)}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


LISTS = (
    ListOf("newest", _fixed({})),
    ListOf("status Error, 2 % of all", _fixed({"status": "Error"})),
    ListOf("status Issued or Draft", _fixed({"status": "Issued,Draft"})),
    ListOf("receivedAt, a window anywhere", _window),
    ListOf("receivedAt, a window anywhere, status Issued", _window_of_issued),
    ListOf("replication from the start", _fixed({"sync": "true"})),
    ListOf("replication from anywhere", _changed_after),
    ListOf("one order by its reference", _reference, rows=1),
)
