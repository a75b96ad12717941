"""Lists of a partner's orders from the read model: newest first, or by change for who replicates them.

Every list is merged from one ordered index scan a status, each cut at the page's size: how long it takes depends on
the page, not on how many orders there are or how rare a status is. A reference finds its order by an index of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from domain.order.state import STATUSES, ExistingOrder
from infra.event_store.arrays import TextArray
from infra.event_store.field_encryption import StreamKey
from projections.order_document import decode_state
from projections.page_key import NewestKey, changed_key, newest_key, parse_changed_key, parse_newest_key

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

_LAST_ROW_VERSION: Final = 2**63 - 1
_LAST_ORDER_ID: Final = UUID(int=2**128 - 1)
_REMOVED: Final = "removed"

# A row of the page with what is shown of it and the key that opens its names.
_SHOWN = """
select o.order_id, o.summary, o.version, o.row_version, o.received_at, k.master_key_id, k.wrapped_key
from page join orders o on o.order_id = page.order_id
left join stream_keys k on k.originator_id = page.order_id
"""

# One upper bound, of the page or of the window: of two, PostgreSQL begins at either and may read all between them.
_NEWEST_CONDITIONS = """
    o.partner_id = %(partner_id)s and not o.removed
    and o.received_at >= coalesce(%(received_from)s, timestamptz '-infinity')
    and (o.received_at, o.order_id) < (coalesce(%(before_at)s, timestamptz 'infinity'), %(before_id)s)
"""
_NEWEST_ORDER = "order by o.received_at desc, o.order_id desc limit %(limit)s"

_NEWEST = f"""
with page as materialized (
    select o.order_id, o.received_at
    from unnest(%(statuses)s) as wanted(status)
    cross join lateral (
        select o.order_id, o.received_at from orders o
        where o.status = wanted.status and {_NEWEST_CONDITIONS} {_NEWEST_ORDER}
    ) o
    {_NEWEST_ORDER}
)
{_SHOWN} order by page.received_at desc, page.order_id desc
"""  # noqa: S608 - constants only

# Removed orders are among the changes whatever the status, as a status of their own.
_CHANGED_CONDITIONS = """
    o.partner_id = %(partner_id)s and o.row_version > %(after)s
    and o.received_at >= coalesce(%(received_from)s, timestamptz '-infinity')
    and o.received_at <= coalesce(%(received_to)s, timestamptz 'infinity')
"""
_CHANGED_ORDER = "order by o.row_version limit %(limit)s"

_CHANGED = f"""
with page as materialized (
    select o.order_id, o.row_version
    from unnest(%(statuses)s || array['{_REMOVED}']) as wanted(status)
    cross join lateral (
        select o.order_id, o.row_version from orders o
        where o.removed = (wanted.status = '{_REMOVED}')
            and o.status = case wanted.status when '{_REMOVED}' then 'Cancelled' else wanted.status end
            and {_CHANGED_CONDITIONS} {_CHANGED_ORDER}
    ) o
    {_CHANGED_ORDER}
)
{_SHOWN} order by page.row_version
"""  # noqa: S608 - constants only

# By the reference first (`offset 0`), then by what else is asked: an index on the reference alone is the only way. Left
# a choice, the planner may go through all orders of the partner, by a plan that it made when there were none.
_OF_SELL_TO = """
    select * from orders
    where (partner_id::text || sell_to_order_reference) = %(partner_id)s::text || %(sell_to_order_reference)s
"""
_BY_SELL_TO = f"({_OF_SELL_TO} offset 0)"
_LIVING_BY_SELL_TO = f"({_OF_SELL_TO} and not removed offset 0)"
_BY_BUY_FROM = "(select * from orders where buy_from_order_reference = %(buy_from_order_reference)s offset 0)"
_SELL_TO = "o.sell_to_order_reference = %(sell_to_order_reference)s"


def _newest_of(found: str, condition: str = "true") -> str:
    return f"""
with page as materialized (
    select o.order_id, o.received_at from {found} o
    where {condition} and o.status = any(%(statuses)s) and {_NEWEST_CONDITIONS} {_NEWEST_ORDER}
)
{_SHOWN} order by page.received_at desc, page.order_id desc
"""  # noqa: S608 - constants only


def _changed_of(found: str, condition: str = "true") -> str:
    return f"""
with page as materialized (
    select o.order_id, o.row_version from {found} o
    where {condition} and (o.removed or o.status = any(%(statuses)s)) and {_CHANGED_CONDITIONS} {_CHANGED_ORDER}
)
{_SHOWN} order by page.row_version
"""  # noqa: S608 - constants only


_NEWEST_BY: Final = {
    (False, False): _NEWEST,
    (True, False): _newest_of(_LIVING_BY_SELL_TO),
    (False, True): _newest_of(_BY_BUY_FROM),
    (True, True): _newest_of(_BY_BUY_FROM, _SELL_TO),
}
_CHANGED_BY: Final = {
    (False, False): _CHANGED,
    (True, False): _changed_of(_BY_SELL_TO),
    (False, True): _changed_of(_BY_BUY_FROM),
    (True, True): _changed_of(_BY_BUY_FROM, _SELL_TO),
}


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """Which of a partner's orders: all that is given must hold. `statuses`: any of these. Moments are inclusive."""

    partner_id: UUID
    statuses: frozenset[str] = frozenset()
    sell_to_order_reference: str | None = None
    buy_from_order_reference: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


class ListedOrder(NamedTuple):
    """A row of a list. `state`: without lines and wallets; Removed for one that is gone. `key`: opens its names."""

    order_id: UUID
    state: ExistingOrder
    version: int
    row_version: int
    key: StreamKey | None


class OrderPage(NamedTuple):
    """A page; `next_page_key` is "" on the last one."""

    orders: list[ListedOrder]
    next_page_key: str


class OrderList:
    """Lists of a partner's orders. Every question raises DatabaseUnavailable."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def newest(self, filters: OrderFilters, page_size: int, page_key: str = "") -> OrderPage:
        """The orders that are not removed, newest first; `page_key`: of the page before. Raises PageKeyInvalid."""
        before_at, before_id = filters.received_to, _LAST_ORDER_ID
        if page_key:
            last = parse_newest_key(page_key)
            if before_at is None or last.received_at <= before_at:
                before_at, before_id = last
        begin = {"before_at": before_at, "before_id": before_id}
        return await self._page(_NEWEST_BY, filters, page_size, begin, _newest_key)

    async def changed(
        self, filters: OrderFilters, page_size: int, page_key: str = "", last_row_version: int = 0
    ) -> OrderPage:
        """The orders changed after `last_row_version`, oldest change first, removed ones among them.

        Raises PageKeyInvalid. A row's change is in no page before the projection has committed all changes before it.
        """
        after = max(parse_changed_key(page_key) if page_key else 0, min(last_row_version, _LAST_ROW_VERSION))
        return await self._page(_CHANGED_BY, filters, page_size, {"after": after}, _changed_key)

    async def _page(
        self,
        queries: Mapping[tuple[bool, bool], str],
        filters: OrderFilters,
        page_size: int,
        begin: Mapping[str, object],
        next_key: Callable[[tuple[Any, ...]], str],
    ) -> OrderPage:
        sell_to, buy_from = filters.sell_to_order_reference, filters.buy_from_order_reference
        if not _storable(sell_to) or not _storable(buy_from):
            return OrderPage([], "")
        wanted = [status for status in STATUSES if not filters.statuses or status in filters.statuses]
        parameters = {
            "partner_id": filters.partner_id,
            "statuses": TextArray.of(wanted),
            "sell_to_order_reference": sell_to,
            "buy_from_order_reference": buy_from,
            "received_from": filters.received_from,
            "received_to": filters.received_to,
            "limit": page_size + 1,
            **begin,
        }
        rows = await self._reads.rows(queries[sell_to is not None, buy_from is not None], parameters)
        more = len(rows) > page_size
        del rows[page_size:]
        return OrderPage([_listed(row) for row in rows], next_key(rows[-1]) if more else "")


def _listed(row: tuple[Any, ...]) -> ListedOrder:
    order_id, summary, version, row_version, _, master_key_id, wrapped_key = row
    key = StreamKey(order_id, master_key_id, wrapped_key) if master_key_id is not None else None
    return ListedOrder(order_id, decode_state(summary), version, row_version, key)


def _newest_key(row: tuple[Any, ...]) -> str:
    return newest_key(NewestKey(row[4], row[0]))


def _changed_key(row: tuple[Any, ...]) -> str:
    return changed_key(row[3])


def _storable(reference: str | None) -> bool:
    """Whether any order can have this reference: PostgreSQL refuses the question for one that none can have."""
    try:
        return reference is None or b"\x00" not in reference.encode()
    except UnicodeEncodeError:
        return False
