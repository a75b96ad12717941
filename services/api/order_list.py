"""listOrdersByPartner: a partner's orders, newest first, or by change for who replicates them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

from domain.order.state import STATUSES
from projections.order_list import ListedOrder, OrderFilters
from projections.page_key import PageKeyInvalid
from services.api.call import forbidden, parse_uuid
from services.api.json_answer import json_answer
from services.api.moments import query_moment
from services.api.operation import READER, Operation
from services.api.order_access import expires
from services.api.order_answer import SummaryAnswer, summary_answer
from services.api.pages import PAGE_KEY, Page, page, page_size
from services.api.problems import not_found
from services.api.query_faults import QueryFaults

if TYPE_CHECKING:
    from services.api.call import Call

_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


async def list_orders(call: Call) -> web.Response:
    partner_id = await _partner(call)
    query = QueryFaults(call)
    filters = OrderFilters(
        partner_id=partner_id,
        statuses=query.read(_statuses, frozenset()),
        sell_to_order_reference=call.query("sellToOrderReference"),
        buy_from_order_reference=call.query("buyFromOrderReference"),
        received_from=query.read(partial(query_moment, name="receivedAtFrom"), None),
        received_to=query.read(partial(query_moment, name="receivedAtTo"), None),
    )
    size = query.read(page_size, 0)
    last_row_version = query.read(_last_row_version, None)
    is_sync = query.read(_sync, False) or last_row_version is not None
    query.ensure_none()
    key = call.query(PAGE_KEY) or ""
    orders = call.services.order_list
    try:
        if is_sync:
            found = await orders.changed(filters, size, key, last_row_version or 0)
        else:
            found = await orders.newest(filters, size, key)
    except PageKeyInvalid:
        call.query_fault(PAGE_KEY, "bad_format", "pageKey is a nextPageKey that this list has given.")
    rows = [_row(call, order, is_sync=is_sync) for order in found.orders]
    return json_answer(page(call, rows, found.next_page_key))


async def _partner(call: Call) -> UUID:
    """The partner of the path. Raises Problem: 403 for a partner that names another, 404 for an unknown one."""
    partner_id = parse_uuid(call.request.match_info["partnerId"])
    own = call.caller.partner_id
    if own is not None:
        if partner_id != own:
            raise forbidden("This key lists the orders of its own partner only.")
        return own
    directory = call.services.directory
    if partner_id is not None and partner_id not in directory.partners:
        await directory.refresh()
    if partner_id is None or partner_id not in directory.partners:
        raise not_found("partner")
    return partner_id


def _row(call: Call, order: ListedOrder, *, is_sync: bool) -> SummaryAnswer:
    cipher = call.services.keys.cipher(order.key) if order.key is not None else None
    shown_version = order.row_version if is_sync else None
    addresses = call.services.manifest_addresses
    return summary_answer(order.order_id, order.state, cipher, addresses, expires(call, order.state), shown_version)


def _statuses(call: Call) -> frozenset[str]:
    given = call.request.query.getall("status", [])
    if not given:
        return frozenset()
    statuses = frozenset(",".join(given).split(","))
    if not statuses <= set(STATUSES):
        call.query_fault("status", "unknown_value", f"status is any of {', '.join(STATUSES)}, comma-separated.")
    return statuses


def _sync(call: Call) -> bool:
    text = (call.query("sync") or "").lower()
    if text not in _TRUE | _FALSE:
        call.query_fault("sync", "bad_format", "sync is true or false.")
    return text in _TRUE


def _last_row_version(call: Call) -> int | None:
    text = call.query("lastRowVersion")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 30):
        call.query_fault("lastRowVersion", "bad_format", "lastRowVersion is a rowVersion that a list has given.")
    return int(text)


OPERATIONS = (
    Operation(
        name="listOrdersByPartner",
        method="GET",
        path="/channelManager/orders/{partnerId}",
        summary="A partner's orders, newest first; with sync by change, oldest change first.",
        scopes=READER,
        handler=list_orders,
        answers={200: Page[SummaryAnswer]},
    ),
)
