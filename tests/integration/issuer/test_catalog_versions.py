"""A job is counted and issued by one catalog: the one in force when it starts, whoever goes on with it, and when."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from projections.directory import EARLIER_CATALOGS, Directory
from services.bootstrap import now
from services.issuer.catalog_issuer import CatalogIssuer
from services.issuer.leasing import LEASE_SECONDS, Leasing
from services.issuer.steps import Steps
from tests.integration.api.shop import COFFEE, TICKET, Shop, order_id
from tests.integration.issuer.venue import TOUR, settle, taken, tour, venue

EBIKE = {**TICKET, "itemNumber": "31077", "description": "By bicycle"}


async def _behind(shop: Shop) -> Shop:
    """The same shop with an issuer whose directory has read the log up to now, and does not follow it."""
    platform = shop.platform
    directory = Directory(platform.recorder, platform.mapper)
    await directory.refresh()
    issuer = CatalogIssuer(directory, platform.secrets.issuance)
    return replace(shop, platform=replace(platform, directory=directory, issuer=issuer))


async def _lease(shop: Shop, path: str) -> None:
    """The order is leased with its places; who was to issue it dies there."""
    platform = shop.platform
    steps = Steps(platform.orders, platform.group_commit, platform.directory, traces=None)
    leasing = Leasing(platform.orders, steps, platform.directory, owner="died", now=now, max_wallets=2000)
    assert len((await leasing.lease([order_id(path)])).started) == 1


def _when_the_lease_has_run_out() -> datetime:
    return now() + timedelta(seconds=LEASE_SECONDS + 1)


async def _started(shop: Shop, path: str) -> Any:
    [state] = [state for _, _, topic, state, _ in await shop.log(path) if topic == "order.processing.v1"]
    return msgspec.json.decode(state)["data"]


async def _issued_by(shop: Shop, path: str) -> int:
    [state] = [state for _, _, topic, state, _ in await shop.log(path) if topic == "order.drafted.v1"]
    version: int = msgspec.json.decode(state)["data"]["issuance"]["catalogVersion"]
    return version


async def test_an_item_that_this_process_has_not_heard_of_yet_is_looked_for_before_the_job_starts(shop: Shop) -> None:
    behind = await _behind(shop)
    await shop.publish(venue(items=[EBIKE]))
    path = await shop.created(items=[{**tour(), "itemNumber": "31077"}])
    assert behind.platform.directory.catalog_version == 2
    await settle(behind, path)
    assert (await shop.get(path)).body["status"] == "Draft"
    assert (await _started(shop, path))["catalogVersion"] == 3
    assert await _issued_by(shop, path) == 3


async def test_what_a_newer_catalog_has_more_of_is_looked_for_before_it_is_sold_out(shop: Shop) -> None:
    behind = await _behind(shop)
    await shop.publish(venue(tours=2))
    paths = [await shop.created(items=[tour()]) for _ in range(3)]
    await settle(behind, *paths)
    statuses = Counter([(await shop.get(path)).body["status"] for path in paths])
    assert statuses == {"Draft": 2, "Error": 1}
    assert await taken(shop) == {"10:00:00": (2, 0)}


async def test_a_job_is_issued_by_the_catalog_by_which_its_places_were_taken(shop: Shop) -> None:
    path = await shop.created(items=[tour()])
    await _lease(shop, path)
    await shop.publish(venue(items=[{**TOUR, "unitPriceInclVat": 999}, COFFEE]))
    await settle(shop, path, at=_when_the_lease_has_run_out)
    order = (await shop.get(path)).body
    assert (order["status"], order["totals"]["inclVat"]) == ("Draft", Decimal("125.00"))
    assert await _issued_by(shop, path) == (await _started(shop, path))["catalogVersion"] == 2


async def test_a_job_that_was_left_is_issued_by_its_catalog_though_the_item_is_gone_and_the_catalog_long_ago(
    shop: Shop,
) -> None:
    path = await shop.created(items=[tour()])
    await _lease(shop, path)
    assert await taken(shop) == {"10:00:00": (1, 0)}
    for _ in range(EARLIER_CATALOGS + 1):
        await shop.publish(venue(items=[COFFEE]))
    await settle(shop, path, owner="issuer-2", at=_when_the_lease_has_run_out)
    assert (await shop.get(path)).body["status"] == "Draft"
    assert await _issued_by(shop, path) == 2
    assert await taken(shop) == {"10:00:00": (1, 0)}


async def test_every_version_of_the_catalog_can_be_had(shop: Shop) -> None:
    for tours in range(3, 3 + EARLIER_CATALOGS + 2):
        await shop.publish(venue(tours=tours))
    directory = (await _behind(shop)).platform.directory
    newest = directory.catalog_version
    assert await directory.catalog_of(0) is await directory.catalog_of(newest) is directory.catalog
    for _ in range(2):
        for version in range(3, newest):
            catalog = await directory.catalog_of(version)
            assert catalog is not None
            admission = catalog.admission("TOUR")
            assert admission is not None
            assert admission.capacity == version
    assert await directory.catalog_of(newest + 1) is None
    assert len(directory._earlier) == EARLIER_CATALOGS
