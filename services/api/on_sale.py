"""What can be bought: the items on sale, and on which days and at what times there is room.

Both go by the catalog that this process knows, which is at most a second old, and by what is taken as of the last
commit. Where the contract is silent: the version of the catalog on sale is named with the venue's day, since what is
sold until yesterday is gone today.
"""

from __future__ import annotations

import asyncio
from datetime import date, time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from domain.allotment.availability import admissions_needed, availability
from domain.catalog.on_sale import CatalogOnSale, on_sale
from domain.catalog.time_zones import time_zone
from services.api.conditions import etag, is_unchanged
from services.api.days import query_range, query_text
from services.api.json_answer import json_answer
from services.api.operation import PARTNER, Operation
from services.api.problems import not_found
from services.api.query_faults import QueryFaults

if TYPE_CHECKING:
    from domain.catalog.items import Catalog, Item
    from services.api.call import Call

CACHE_CONTROL = "private, no-cache"
"""Kept by who asked, and asked for again by its ETag: prices are never shown late."""

MOST_DAYS = 92


class AvailableAnswer(Struct, frozen=True, rename="camel"):
    """How much is there on a day, or in a slot of it; null is unlimited. Of a package: whole packages."""

    visit_date: date
    slot_start: time | None
    capacity: int | None
    free: int | None


class AvailabilityAnswer(Struct, frozen=True):
    data: list[AvailableAnswer]


async def get_items_on_sale(call: Call) -> web.Response:
    catalog = await _catalog(call)
    if catalog is None:
        raise not_found("catalog")
    version = call.services.directory.catalog_version
    today = call.now.astimezone(time_zone(catalog.venue.time_zone)).date()
    named = f"{version}-{today}"
    headers = {"ETag": etag(named), "Cache-Control": CACHE_CONTROL}
    if is_unchanged(call.request.headers, named):
        return web.Response(status=304, headers=headers)
    # To show a catalog of a mebibyte takes too long for the event loop.
    return await asyncio.to_thread(lambda: json_answer(on_sale(catalog, version, today), headers=headers))


async def get_availability(call: Call) -> web.Response:
    query = QueryFaults(call)
    item_number = query.read(partial(query_text, name="itemNumber"), None)
    catalog, item = await _item(call, item_number) if item_number is not None else (None, None)
    if item_number is not None and item is None:
        query.add("itemNumber", "unknown_item", "The catalog has no such item.")
    asked = query.read(partial(query_range, most_days=MOST_DAYS), None)
    query.ensure_none()
    assert catalog is not None and item is not None and asked is not None  # noqa: PT018, S101 - else there is a fault
    standings = await call.services.allotments.standings(admissions_needed(catalog, item), asked.first, asked.last)
    return await asyncio.to_thread(
        lambda: json_answer(
            AvailabilityAnswer(
                [AvailableAnswer(*row) for row in availability(catalog, item, asked.days, standings, call.now)]
            )
        )
    )


async def _catalog(call: Call) -> Catalog | None:
    directory = call.services.directory
    if directory.catalog is None:
        await directory.refresh()
    return directory.catalog


async def _item(call: Call, item_number: str) -> tuple[Catalog | None, Item | None]:
    """An item of the catalog in force, and that catalog; it may have come this moment on another instance."""
    directory = call.services.directory
    if directory.catalog is None or directory.catalog.item(item_number) is None:
        await directory.refresh()
    catalog = directory.catalog
    return catalog, catalog.item(item_number) if catalog is not None else None


OPERATIONS = (
    Operation(
        name="getItemsOnSale",
        method="GET",
        path="/catalog",
        summary="The items on sale: descriptions, prices, admissions and their slots.",
        scopes=PARTNER,
        handler=get_items_on_sale,
        answers={200: CatalogOnSale, 304: None},
    ),
    Operation(
        name="getAvailability",
        method="GET",
        path="/availability",
        summary="How many of an item can be bought (`itemNumber`, `from`, `to`), by day and slot.",
        scopes=PARTNER,
        handler=get_availability,
        answers={200: AvailabilityAnswer},
    ),
)
