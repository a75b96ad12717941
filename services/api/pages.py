"""Pages of lists: their shape, which all lists share, and the lists that are cut from what the directory holds."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from services.api.query_faults import QueryFaults
from services.api.whole_number import positive_number

if TYPE_CHECKING:
    from services.api.call import Call

MAX_PAGE_SIZE = 1000

PAGE_SIZE = "pageSize"
PAGE_KEY = "pageKey"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Page(Struct, Generic[Answer], frozen=True, rename="camel"):
    """A page of a list. On the last one both next fields are empty."""

    data: list[Answer]
    more_pages: bool
    next_page_key: str
    next_page_url: str = msgspec.field(name="nextPageURL")


class Place(NamedTuple):
    """Where a row stands in a list, the newest first: it never moves, whatever comes or goes beside it."""

    created_at: datetime
    id: UUID


def page_size(call: Call) -> int:
    """How many rows a page may have. Raises Problem 400."""
    return min(positive_number(call, PAGE_SIZE) or MAX_PAGE_SIZE, MAX_PAGE_SIZE)


def page(call: Call, data: list[Answer], next_key: str) -> Page[Answer]:
    """The page with these rows; `next_key` is empty on the last one."""
    return Page(data, bool(next_key), next_key, _next_url(call, next_key) if next_key else "")


def newest_first(
    call: Call, rows: Iterable[Row], place: Callable[[Row], Place], answer: Callable[[Row], Answer]
) -> Page[Answer]:
    """The page that the call asks for, of rows that are all in memory. Raises Problem 400."""
    query = QueryFaults(call)
    size = query.read(page_size, 0)
    after = query.read(_place_asked, None)
    query.ensure_none()
    left = sorted((row for row in rows if after is None or place(row) < after), key=place, reverse=True)
    shown = left[:size]
    next_key = _key(call, place(shown[-1])) if len(left) > size else ""
    return page(call, [answer(row) for row in shown], next_key)


def _place_asked(call: Call) -> Place | None:
    text = call.query(PAGE_KEY)
    if not text:  # what the last page gives begins again
        return None
    try:
        kind, microseconds, row_id = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode().split()
        if kind != call.operation.name:
            raise ValueError(kind)
        return Place(_EPOCH + timedelta(microseconds=int(microseconds)), UUID(row_id))
    except (ValueError, OverflowError):  # ValueError: not base64, not UTF-8, no three words, no number, no UUID
        call.query_fault(PAGE_KEY, "bad_format", "pageKey is a nextPageKey that this list has given.")


def _key(call: Call, last: Place) -> str:
    text = f"{call.operation.name} {(last.created_at - _EPOCH) // _MICROSECOND} {last.id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _next_url(call: Call, next_key: str) -> str:
    path = call.operation.path.format(**call.request.match_info)
    query = call.request.rel_url.update_query({PAGE_KEY: next_key}).raw_query_string
    return f"{call.services.public_url}{path}?{query}"
