"""Lists of a partner's orders: filters, pages, and replication by change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.api.serving import OPERATOR_KEY, PUBLIC_URL
from tests.integration.api.shop import Shop, order_id, projecting, stocked


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with stocked(dsn) as running, projecting(running):
        yield running


def _ids(rows: list[Any]) -> list[str]:
    return [row["orderId"] for row in rows]


def _id(path: str) -> str:
    return str(order_id(path))


async def _refused(shop: Shop, query: str) -> list[tuple[str, str]]:
    return (await shop.get(f"/channelManager/orders/{shop.partner_id}?{query}")).faults


async def test_a_summary_is_the_order_without_its_items(shop: Shop) -> None:
    async with shop.issuing():
        paths = [await shop.draft(sellToName="Jane 🎟"), await shop.issued()]
        paths.append(await shop.issued())
        await shop.call("DELETE", paths[2])
    paths.append(await shop.created(sellToEmail="jane@example.com"))
    await shop.projected()
    expected = []
    for path in reversed(paths):
        order = (await shop.get(path)).body
        del order["items"]
        expected.append(order)
    assert await shop.listed() == expected
    assert [row["status"] for row in expected] == ["Submitted", "Cancelled", "Issued", "Draft"]
    assert ["totals" in row for row in expected] == [False, False, True, True]


async def test_every_filter(shop: Shop) -> None:
    async with shop.issuing():
        draft, issued = await shop.draft(sellToOrderReference="A/1 é+?"), await shop.issued(sellToOrderReference="B")
        cancelled = await shop.issued()
        await shop.call("DELETE", cancelled)
        removed = await shop.draft(sellToOrderReference="GONE")
        await shop.call("DELETE", removed)
    waiting = await shop.created()
    await shop.projected()
    every = [waiting, cancelled, issued, draft]
    orders = {path: (await shop.get(path)).body for path in every}
    ours = orders[issued]["buyFromOrderReference"]
    first, last = orders[draft]["receivedAt"], orders[waiting]["receivedAt"]

    async def found(query: str) -> list[str]:
        return _ids(await shop.listed(f"?{query}"))

    for query, paths in (
        ("", every),
        ("status=Issued", [issued]),
        ("status=Issued,Draft", [issued, draft]),
        ("status=Draft&status=Issued", [issued, draft]),
        ("status=Cancelled", [cancelled]),
        ("status=Submitted,Scheduled,Processing", [waiting]),
        ("status=Error", []),
        (f"sellToOrderReference={quote('A/1 é+?')}", [draft]),
        ("sellToOrderReference=b", []),
        ("sellToOrderReference=B&status=Draft", []),
        ("sellToOrderReference=GONE", []),
        ("sellToOrderReference=", []),
        ("sellToOrderReference=%00", []),
        ("sellToOrderReference=%ff", []),
        (f"buyFromOrderReference={ours}", [issued]),
        (f"buyFromOrderReference={ours.lower()}", []),
        (f"buyFromOrderReference={ours}&sellToOrderReference=B", [issued]),
        (f"buyFromOrderReference={ours}&sellToOrderReference=C", []),
        ("unknown=1&filter=x", every),
        (f"receivedAtFrom={first}", every),
        (f"receivedAtFrom={first}&receivedAtTo={last}", every),
        (f"receivedAtTo={first}", [draft]),
        (f"receivedAtFrom={last}", [waiting]),
        (f"receivedAtFrom={last}&receivedAtTo={first}", []),
    ):
        assert await found(query) == [_id(path) for path in paths], query
    for other in (await shop.auditor_key(), OPERATOR_KEY):
        assert _ids(await shop.listed(key=other)) == [_id(path) for path in every]


async def test_windows_are_inclusive_and_in_any_time_zone(shop: Shop) -> None:
    path = await shop.created()
    await shop.projected()
    received = datetime.fromisoformat((await shop.get(path)).body["receivedAt"])
    assert received.microsecond % 1000 == 0
    step = timedelta(milliseconds=1)
    east = received + timedelta(hours=2)
    for query, is_in in (
        (f"receivedAtFrom={quote(received.isoformat())}&receivedAtTo={quote(received.isoformat())}", True),
        (f"receivedAtFrom={quote((received + step).isoformat())}", False),
        (f"receivedAtTo={quote((received - step).isoformat())}", False),
        (f"receivedAtTo={quote((received - timedelta(microseconds=1)).isoformat())}", False),
        (f"receivedAtFrom={east.strftime('%Y-%m-%dT%H:%M:%S.%f')}%2B02:00", True),
        # A bound just before it: rounded, it would be reached.
        (f"receivedAtTo={(received - timedelta(microseconds=1)).strftime('%Y-%m-%dT%H:%M:%S.%f')}999Z", False),
        (f"receivedAtTo={received.strftime('%Y-%m-%dt%H:%M:%S.%f')}999z", True),
        (f"receivedAtFrom={east.strftime('%Y-%m-%dT%H:%M:%S.%f')}+02:00", True),
        (f"receivedAtFrom={east.strftime('%Y-%m-%dT%H:%M:%S.%f')}%2B01:59", False),
        ("receivedAtFrom=0001-01-01T00:00:00%2B23:59&receivedAtTo=9999-12-31T23:59:59-23:59", True),
    ):
        assert bool(await shop.listed(f"?{query}")) is is_in, query


async def test_a_bad_value_is_named(shop: Shop) -> None:
    for query, faults in (
        ("pageSize=0", [("/pageSize", "out_of_range")]),
        ("pageSize=-1", [("/pageSize", "out_of_range")]),
        ("pageSize=ten", [("/pageSize", "bad_format")]),
        ("pageSize=", [("/pageSize", "bad_format")]),
        ("pageSize=1.0", [("/pageSize", "bad_format")]),
        ("pageSize=%D9%A1", [("/pageSize", "bad_format")]),
        ("status=issued", [("/status", "unknown_value")]),
        ("status=Issued,,Draft", [("/status", "unknown_value")]),
        ("status=", [("/status", "unknown_value")]),
        (
            "status=Bogus&pageSize=0&receivedAtFrom=x&sync=perhaps",
            [
                ("/status", "unknown_value"),
                ("/receivedAtFrom", "bad_format"),
                ("/pageSize", "out_of_range"),
                ("/sync", "bad_format"),
            ],
        ),
        ("receivedAtFrom=yesterday", [("/receivedAtFrom", "bad_format")]),
        ("receivedAtTo=2026-11-23", [("/receivedAtTo", "bad_format")]),
        ("receivedAtTo=", [("/receivedAtTo", "bad_format")]),
        ("receivedAtTo=2026-11-23T10:00:00%2B0100", [("/receivedAtTo", "bad_format")]),
        ("receivedAtTo=2026-11-23T10:00:001Z", [("/receivedAtTo", "bad_format")]),
        ("receivedAtTo=2026-11-23T10:00:00.Z", [("/receivedAtTo", "bad_format")]),
        ("pageKey=x", [("/pageKey", "bad_format")]),
        ("pageKey=%00%ff", [("/pageKey", "bad_format")]),
        ("sync=maybe", [("/sync", "bad_format")]),
        ("lastRowVersion=-1", [("/lastRowVersion", "bad_format")]),
        ("lastRowVersion=x", [("/lastRowVersion", "bad_format")]),
        ("lastRowVersion=", [("/lastRowVersion", "bad_format")]),
    ):
        assert await _refused(shop, query) == faults, query
    for fine in ("pageSize=1000", "pageSize=1001", f"pageSize={'9' * 5000}", "pageSize=007", "sync=false", "pageKey="):
        assert await shop.listed(f"?{fine}") == [], fine
    for far in ("9" * 19, "9" * 30):
        assert await shop.listed(f"?lastRowVersion={far}") == []


async def test_pages_are_stable_under_inserts_and_the_next_url_works_as_it_is(shop: Shop) -> None:
    old = [_id(await shop.created(sellToOrderReference=f"OLD-{number}")) for number in range(7)]
    await shop.projected()
    soon = datetime.now().astimezone() + timedelta(days=1)
    query = f"?pageSize=3&status=Submitted,Issued&receivedAtTo={quote(soon.isoformat())}"
    place = f"/channelManager/orders/{shop.partner_id.upper()}{query}"
    seen: list[str] = []
    sizes = []
    while place:
        page = (await shop.get(place)).body
        assert set(page) == {"data", "morePages", "nextPageKey", "nextPageURL"}
        seen += _ids(page["data"])
        sizes.append(len(page["data"]))
        await shop.created()  # newer ones come, and are on no later page
        await shop.projected()
        assert page["morePages"] is bool(page["nextPageKey"]) is bool(page["nextPageURL"])
        if page["morePages"]:
            assert page["nextPageURL"].startswith(PUBLIC_URL)
            by_key = f"/channelManager/orders/{shop.partner_id}{query}&pageKey={page['nextPageKey']}"
            by_url = page["nextPageURL"].removeprefix(PUBLIC_URL)
            assert _ids((await shop.get(by_key)).body["data"]) == _ids((await shop.get(by_url)).body["data"])
        place = page["nextPageURL"].removeprefix(PUBLIC_URL)
    assert seen == old[::-1]
    assert sizes == [3, 3, 1]


async def test_a_page_key_of_another_kind_of_list_is_refused(shop: Shop) -> None:
    for _ in range(3):
        await shop.created()
    await shop.projected()
    keys = {}
    for kind in ("", "&sync=true"):
        page = (await shop.get(f"/channelManager/orders/{shop.partner_id}?pageSize=1{kind}")).body
        keys[kind] = page["nextPageKey"]
    assert await _refused(shop, f"sync=true&pageKey={keys['']}") == [("/pageKey", "bad_format")]
    assert await _refused(shop, f"pageKey={keys['&sync=true']}") == [("/pageKey", "bad_format")]


async def test_a_change_list_tells_what_changed_and_when(shop: Shop) -> None:
    async with shop.issuing():
        paths = [await shop.draft(sellToOrderReference=f"R-{number}") for number in range(3)]
        await shop.projected()
        rows = await shop.listed("?sync=true")
        assert _ids(rows) == [_id(path) for path in paths]
        for row, path in zip(rows, paths, strict=True):
            order = (await shop.get(path)).body
            del order["items"]
            changed = (await shop.get(f"{path}/history")).body[-1]["position"]
            assert row == {**order, "id": order["orderId"], "rowVersion": str(changed)}
        last = rows[-1]["rowVersion"]
        assert await shop.listed(f"?lastRowVersion={last}") == []
        assert await shop.listed(f"?lastRowVersion={last}&sync=1") == []
        await shop.call("POST", f"{paths[0]}/confirm", {"paymentReference": "P"})
        await shop.call("DELETE", paths[1])
        await shop.projected()
    changed_rows = await shop.listed(f"?lastRowVersion={last}")
    assert [(row["orderId"], row["status"], row.get("removed")) for row in changed_rows] == [
        (_id(paths[0]), "Issued", None),
        (_id(paths[1]), "Cancelled", True),
    ]
    assert [int(row["rowVersion"]) for row in changed_rows] == sorted(int(row["rowVersion"]) for row in changed_rows)
    first_listing = await shop.listed("?sync=true")
    assert _ids(first_listing) == [_id(paths[2]), _id(paths[0]), _id(paths[1])]
    assert [row.get("removed") for row in first_listing] == [None, None, True]
    assert _ids(await shop.listed()) == [_id(paths[2]), _id(paths[0])]
    whatever_the_status = await shop.listed("?sync=true&status=Draft")
    assert _ids(whatever_the_status) == [_id(paths[2]), _id(paths[1])]
    assert _ids(await shop.listed("?sync=true&sellToOrderReference=R-1")) == [_id(paths[1])]
    assert await shop.listed("?sync=true&receivedAtFrom=2099-01-01T00:00:00Z") == []


async def test_a_client_that_keeps_the_last_row_version_misses_no_change(shop: Shop) -> None:
    """It pages through the changes while orders are made, settled, confirmed and removed beside it."""
    copy: dict[str, Any] = {}
    last = "0"
    done = asyncio.Event()

    async def replicate() -> None:
        nonlocal last
        while True:
            ended = done.is_set()  # looked at first: the round after it sees all
            page = (await shop.get(f"/channelManager/orders/{shop.partner_id}?pageSize=3&lastRowVersion={last}")).body
            for row in page["data"]:
                assert int(row["rowVersion"]) > int(last)
                last = row["rowVersion"]
                copy[row["id"]] = row
            if ended and not page["data"]:
                return

    async def trade(number: int) -> None:
        path = await shop.created(paymentReference="P" if number % 3 == 0 else "")
        await shop.settled(path)
        if number % 3 == 1:
            await shop.call("POST", f"{path}/confirm", {"paymentReference": "P"})
        if number % 2:
            await shop.call("DELETE", path)

    async with shop.issuing():
        replicating = asyncio.create_task(replicate())
        await asyncio.gather(*(trade(number) for number in range(24)))
        await shop.projected()
        done.set()
        await replicating
    living = {row["orderId"]: row for row in await shop.listed("?sync=true")}
    assert copy == living
    assert sum("removed" in row for row in copy.values()) == 4
