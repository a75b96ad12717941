"""The log folded whole, against the rows that are kept beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import LiteralString
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from domain.order.commands import SubmitOrder
from domain.order.content import OrderContent
from domain.order.state import Submitted
from infra.event_store.append import Append, NewEvent
from infra.event_store.mapper import Actor
from services.ordering.context import CommandContext
from services.replay import replay as replaying
from services.replay.fold import Unreadable
from services.replay.replay import KeptNumber, Replayed, replay
from tests.golden.files import golden_file
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, eventually, line, now, order_id, stocked, visit_date
from tests.integration.issuer.venue import VENUE, settle, tour, venue

STRANGER = UUID(int=4711)


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with stocked(dsn) as running:
        await running.publish(VENUE)
        yield running


async def replayed(shop: Shop) -> Replayed:
    platform = shop.platform
    connect = platform.connect("replay", transaction_timeout=None)
    return await replay(platform.mapper, connect, lambda _done, _total: None)


async def _execute(shop: Shop, statement: LiteralString, *parameters: object) -> None:
    async with shop.platform.pool.connection() as connection:
        await connection.execute(statement, parameters)


async def _override(shop: Shop, capacity: int | None) -> None:
    path = f"/admin/allotments/TOUR/{visit_date()}"
    answer = await shop.call("PUT", path, {"capacity": capacity, "slotStart": "10:00:00"}, key=OPERATOR_KEY)
    assert answer.status == 200, answer.text


async def _season(shop: Shop) -> dict[str, str]:
    """An order in each status, by status, with numbers that live, are void, were forgotten and came back."""
    orders = {}
    orders["Submitted"] = await shop.created()
    for status, paid in (("Issued", True), ("Cancelled", True), ("Draft", False), ("Removed", False)):
        named = line(wallet={"externalReferenceNumbers": [f"X-{status}"]})
        orders[status] = await shop.created(paymentReference="P" if paid else ..., items=[named, line(quantity=2)])
        await settle(shop, orders[status])
    for status in ("Cancelled", "Removed"):
        assert (await shop.call("DELETE", orders[status])).status == 200
    await _override(shop, 3)
    await _override(shop, None)
    orders["Tour"] = await shop.created(paymentReference="P", items=[tour(2)])
    await settle(shop, orders["Tour"])
    await shop.publish(venue(tours=0))
    await _override(shop, 2)
    orders["Error"] = await shop.created(items=[tour()])
    await settle(shop, orders["Error"])
    orders["Again"] = await shop.created(items=[line(wallet={"externalReferenceNumbers": ["X-Cancelled"]})])
    await settle(shop, orders["Again"])
    return orders


async def test_an_empty_log_says_nothing_and_nothing_is_kept(shop: Shop) -> None:
    result = await replayed(shop)
    assert result.is_equal
    assert (result.orders, result.slots, result.numbers) == (0, 0, 0)
    assert result.position == result.events == await shop.head()


async def test_a_whole_season_is_proved_whatever_size_the_pages_have(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = await _season(shop)
    statuses = [(await shop.get(path)).body["status"] for path in orders.values()]
    assert statuses == ["Submitted", "Issued", "Cancelled", "Draft", 404, "Issued", "Error", "Draft"]
    whole = await replayed(shop)
    assert whole.is_equal, whole
    assert (whole.orders, whole.slots) == (8, 2)
    assert (whole.position, whole.events) == (await shop.head(),) * 2
    assert whole.living == 7 + 7 + 4 + 3
    assert whole.numbers == whole.living + 3 + 3
    for size in (1, 3, 7):
        monkeypatch.setattr(replaying, "_PAGE", size)
        assert (await replayed(shop))._replace(seconds=0) == whole._replace(seconds=0)


@pytest.mark.parametrize(
    ("statement", "kept", "by_the_log"),
    [
        ("update allotments set held = held + 1 where admission = 'MAIN'", (5, 3), (4, 3)),
        ("update allotments set sold = 0 where admission = 'MAIN'", (4, 0), (4, 3)),
        ("delete from allotments where admission = 'MAIN'", (0, 0), (4, 3)),
    ],
)
async def test_places_that_are_not_what_the_log_says_are_named(
    shop: Shop, statement: LiteralString, kept: tuple[int, int], by_the_log: tuple[int, int]
) -> None:
    await _season(shop)
    await _execute(shop, statement)
    result = await replayed(shop)
    [difference] = result.slot_differences
    assert (result.is_equal, result.differing_slots, result.differing_numbers) == (False, 1, 0)
    assert str(difference.slot.visit_date) == visit_date()
    assert (difference.slot.admission, difference.slot.slot_start) == ("MAIN", None)
    assert (difference.kept[:2], difference.by_the_log[:2]) == (kept, by_the_log)


@pytest.mark.parametrize(
    "statement",
    [
        "update allotments set capacity = 4 where admission = 'TOUR'",
        "update allotments set capacity = null where admission = 'TOUR'",
        "update allotments set capacity = null, overridden = false where admission = 'TOUR'",
        "insert into allotments values ('GONE', '2026-12-01', '24:00', 0, 1)",
        "insert into allotments values ('GONE', '2026-12-01', '10:00', 0, 0, true, null)",
    ],
)
async def test_what_an_operator_set_and_rows_that_come_of_nothing_are_proved_too(
    shop: Shop, statement: LiteralString
) -> None:
    await _season(shop)
    await _execute(shop, statement)
    result = await replayed(shop)
    assert (result.is_equal, result.differing_slots, len(result.slot_differences)) == (False, 1, 1)


async def test_the_last_stream_of_all_may_be_an_orders(shop: Shop) -> None:
    state = (await shop.platform.orders.load_one(order_id(await shop.created()))).state
    assert isinstance(state, Submitted)
    identity = replace(state.order, sell_to_order_reference="LAST")
    content = OrderContent(lines=state.content.lines)
    last = UUID(int=2**128 - 1)
    context = CommandContext(uuid4(), now(), Actor("partner"), "test")
    await shop.platform.ordering.submit(last, SubmitOrder(identity, content), context)
    await settle(shop, f"/channelManager/{last}")
    result = await replayed(shop)
    assert result.is_equal, result
    assert (result.orders, result.living) == (2, 2)


async def test_a_row_in_which_nothing_stands_is_as_good_as_none(shop: Shop) -> None:
    await _execute(shop, "insert into allotments values ('GONE', '2026-12-01', '24:00', 0, 0)")
    assert (await replayed(shop)).is_equal


async def test_numbers_that_are_not_what_the_log_says_are_named(shop: Shop) -> None:
    orders = await _season(shop)
    issued, cancelled = order_id(orders["Issued"]), order_id(orders["Cancelled"])
    wallet = (await shop.get(orders["Issued"])).body["items"][1]["wallets"][0]
    stolen, lost = wallet["walletReferenceNumber"], wallet["assets"][0]["referenceNumber"]
    await _execute(shop, "update shown_numbers set order_id = %s where number = %s", STRANGER, stolen)
    await _execute(shop, "delete from shown_numbers where number = %s", lost)
    await _execute(shop, "insert into shown_numbers values ('!extra', %s, true)", STRANGER)
    await _execute(shop, "update shown_numbers set living = true where order_id = %s", cancelled)
    result = await replayed(shop)
    assert (result.is_equal, result.differing_slots, result.differing_numbers) == (False, 0, 6)
    found = {one.number: (one.kept, one.by_the_log) for one in result.number_differences}
    assert found.pop("!extra") == (KeptNumber(STRANGER, True), None)
    assert found.pop(stolen) == (KeptNumber(STRANGER, True), KeptNumber(issued, True))
    assert found.pop(lost) == (None, KeptNumber(issued, True))
    assert set(found.values()) == {(KeptNumber(cancelled, True), KeptNumber(cancelled, False))}


async def test_all_differences_are_counted_and_the_first_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "MOST_SHOWN", 3)
    await _season(shop)
    await _execute(shop, "delete from shown_numbers")
    result = await replayed(shop)
    assert (result.differing_numbers, len(result.number_differences)) == (result.numbers, 3)


async def test_beside_a_shop_at_work_it_is_proved_at_every_moment(shop: Shop) -> None:
    await shop.publish(venue(tours=4))
    async with _sales(shop) as sold, shop.issuing():
        for _ in range(5):
            more = len(sold) + 5
            result = await replayed(shop)
            assert result.is_equal, result
            await eventually(partial(_are, sold, more))
    assert (await replayed(shop)).is_equal


async def _are(sold: list[str], count: int) -> bool:
    return len(sold) >= count


@asynccontextmanager
async def _sales(shop: Shop) -> AsyncIterator[list[str]]:
    """Orders come, are confirmed and cancelled, all the while; they are told once they are settled."""
    sold: list[str] = []

    async def sell(at: int) -> None:
        while True:
            named = line(wallet={"externalReferenceNumbers": [f"X-{at}"]})
            path = await shop.created(items=[named, tour()])
            await shop.settled(path)
            await shop.call("POST", f"{path}/confirm", {"paymentReference": "P"})
            assert (await shop.call("DELETE", path)).status == 200
            sold.append(path)

    sellers = [asyncio.create_task(sell(at)) for at in range(6)]
    try:
        yield sold
        assert not any(seller.done() for seller in sellers)
    finally:
        for seller in sellers:
            seller.cancel()
        await asyncio.gather(*sellers, return_exceptions=True)


@pytest.mark.parametrize(
    ("version", "topic", "state", "why"),
    [
        (2, "order.issued.v9", b"{}", "UnknownTopic"),
        (2, "order.scheduled.v1", b"{", "DecodeError"),
        (2, "order.cancelled.v1", None, "HistoryBroken"),
        (3, "order.scheduled.v1", None, "version 3 cannot follow version 1"),
    ],
)
async def test_a_log_that_does_not_fold_is_said_to_be_so_and_where(
    shop: Shop, version: int, topic: str, state: bytes | None, why: str
) -> None:
    path = await shop.created()
    stored = await asyncio.to_thread(golden_file(topic).read_bytes) if state is None else state
    event = NewEvent(order_id(path), version, topic, stored)
    await shop.platform.group_commit.append(Append(uuid4(), [event]))
    with pytest.raises(Unreadable, match=f"{topic} at position {await shop.head()}.*{why}"):
        await replayed(shop)
