"""Lists of a partner's orders: each filter, pages that stay stable, replication that misses nothing."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from domain.order.state import Removed
from projections.order_document import summary
from projections.order_list import OrderFilters, OrderPage
from projections.page_key import PageKeyInvalid, changed_key
from tests.integration.projections.store import NOW, PARTNER, OrderOfTest, Store

ALL = OrderFilters(PARTNER)


def _ids(page: OrderPage) -> list[UUID]:
    return [order.order_id for order in page.orders]


async def _submitted(store: Store, count: int) -> list[OrderOfTest]:
    """Oldest first, a second apart."""
    return [await store.submit(received_at=NOW + timedelta(seconds=n)) for n in range(count)]


async def _newest_ids(store: Store, filters: OrderFilters, page_size: int = 1_000) -> list[UUID]:
    """Every page's orders."""
    ids: list[UUID] = []
    page = await store.list.newest(filters, page_size)
    while True:
        assert len(page.orders) <= page_size
        ids += _ids(page)
        if not page.next_page_key:
            return ids
        assert len(page.orders) == page_size
        page = await store.list.newest(filters, page_size, page.next_page_key)


async def _changes(store: Store, filters: OrderFilters, page_size: int, after: int = 0) -> list[tuple[UUID, int]]:
    """Every page's orders with their row versions."""
    changes: list[tuple[UUID, int]] = []
    page = await store.list.changed(filters, page_size, last_row_version=after)
    while True:
        changes += [(order.order_id, order.row_version) for order in page.orders]
        if not page.next_page_key:
            return changes
        page = await store.list.changed(filters, page_size, page.next_page_key, after)


async def test_a_list_shows_orders_newest_first_without_lines_and_with_their_keys(store: Store) -> None:
    orders = await _submitted(store, 3)
    await store.settle(orders[1])
    await store.project()
    page = await store.list.newest(ALL, 10)
    newest_first = orders[::-1]
    assert _ids(page) == [order.order_id for order in newest_first]
    assert [order.state for order in page.orders] == [summary(order.state) for order in newest_first]  # type: ignore[arg-type]
    assert [order.key for order in page.orders] == [order.key for order in newest_first]
    assert [order.version for order in page.orders] == [order.version for order in newest_first]
    assert page.next_page_key == ""


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 6, 1000])
async def test_pages_together_are_the_list(store: Store, page_size: int) -> None:
    orders = await _submitted(store, 3)
    # Received in the same millisecond: the orderId decides.
    same = sorted(
        [await store.submit(received_at=NOW + timedelta(minutes=1)) for _ in range(3)], key=lambda o: o.order_id
    )
    await store.settle(orders[0])
    await store.settle(same[1])
    await store.project()
    expected = [order.order_id for order in [*same[::-1], *orders[::-1]]]
    assert await _newest_ids(store, ALL, page_size) == expected


async def test_pages_are_stable_when_orders_come_in(store: Store) -> None:
    orders = await _submitted(store, 6)
    await store.project()
    first = await store.list.newest(ALL, 3)
    later = await store.submit(received_at=NOW + timedelta(hours=1))
    await store.settle(orders[1])
    await store.project()
    second = await store.list.newest(ALL, 3, first.next_page_key)
    assert _ids(first) + _ids(second) == [order.order_id for order in orders[::-1]]
    assert (await _newest_ids(store, ALL))[0] == later.order_id


async def test_every_filter_alone_and_with_others(store: Store) -> None:
    submitted, processing, draft, issued, failed, cancelled, removed = orders = [
        await store.submit(
            f"R{n}",
            received_at=NOW + timedelta(seconds=n),
            payment_reference=None if n in (2, 6) else "PAY",
            buy_from=f"CM-{n}",
        )
        for n in range(7)
    ]
    other = await store.submit("R0", partner_id=uuid4(), buy_from="CM-other")
    await store.start(processing)
    for order in (draft, issued, cancelled, removed):
        await store.settle(order)
    await store.fail(failed)
    await store.cancel(cancelled)
    await store.cancel(removed)
    await store.project()
    second = timedelta(seconds=1)

    async def listed(**filters: object) -> list[OrderOfTest]:
        ids = await _newest_ids(store, OrderFilters(PARTNER, **filters), 2)  # type: ignore[arg-type]
        assert ids == await _newest_ids(store, OrderFilters(PARTNER, **filters))  # type: ignore[arg-type]
        return [next(order for order in [*orders, other] if order.order_id == order_id) for order_id in ids]

    assert await listed() == [cancelled, failed, issued, draft, processing, submitted]
    assert await listed(statuses=frozenset({"Issued"})) == [issued]
    assert await listed(statuses=frozenset({"Submitted", "Draft", "Error"})) == [failed, draft, submitted]
    assert await listed(statuses=frozenset({"Cancelled"})) == [cancelled]
    assert await listed(statuses=frozenset({"Scheduled"})) == []
    assert await listed(sell_to_order_reference="R3") == [issued]
    assert await listed(sell_to_order_reference="r3") == []
    assert await listed(sell_to_order_reference="R6") == []
    assert await listed(sell_to_order_reference="\x00") == []
    assert await listed(sell_to_order_reference="\udcff") == []
    assert await listed(buy_from_order_reference="CM-3") == [issued]
    assert await listed(buy_from_order_reference="CM-other") == []
    assert await listed(buy_from_order_reference="CM-3", sell_to_order_reference="R3") == [issued]
    assert await listed(buy_from_order_reference="CM-3", sell_to_order_reference="R4") == []
    assert await listed(sell_to_order_reference="R3", statuses=frozenset({"Draft"})) == []
    assert await listed(received_from=NOW + 3 * second) == [cancelled, failed, issued]
    assert await listed(received_to=NOW + second) == [processing, submitted]
    assert await listed(received_from=NOW + second, received_to=NOW + 2 * second) == [draft, processing]
    assert await listed(received_from=NOW + second, statuses=frozenset({"Submitted", "Issued"})) == [issued]
    assert await listed(received_to=NOW, sell_to_order_reference="R3") == []
    assert await _newest_ids(store, OrderFilters(uuid4())) == []


async def test_a_reference_that_is_free_again_finds_the_order_that_has_it_now(store: Store) -> None:
    first = await store.submit("again", payment_reference=None)
    await store.settle(first)
    await store.cancel(first)
    second = await store.submit("again")
    await store.project()
    filters = OrderFilters(PARTNER, sell_to_order_reference="again")
    assert await _newest_ids(store, filters) == [second.order_id]
    assert [order_id for order_id, _ in await _changes(store, filters, 1)] == [first.order_id, second.order_id]


async def test_changes_come_oldest_first_and_a_changed_order_moves_to_the_end(store: Store) -> None:
    orders = await _submitted(store, 5)
    await store.project()
    first = await store.list.changed(ALL, 2)
    assert _ids(first) == [orders[0].order_id, orders[1].order_id]
    await store.settle(orders[0])
    await store.settle(orders[3])
    await store.project()
    rest = await _changes(store, ALL, 2, after=first.orders[-1].row_version)
    assert [order_id for order_id, _ in rest] == [orders[n].order_id for n in (2, 4, 0, 3)]
    positions = [position for _, position in rest]
    assert positions == sorted(set(positions))
    assert positions[-1] == await store.recorder.max_notification_id()
    assert await _changes(store, ALL, 2, after=positions[-1]) == []


async def test_a_removed_order_is_once_among_the_changes_whatever_the_status(store: Store) -> None:
    kept, removed = await store.submit(), await store.submit(payment_reference=None)
    await store.settle(removed)
    await store.project()
    before = (await _changes(store, ALL, 10))[-1][1]
    await store.cancel(removed)
    await store.project()
    for filters in (ALL, OrderFilters(PARTNER, frozenset({"Submitted"})), OrderFilters(PARTNER, frozenset({"Draft"}))):
        for after in (0, before):
            page = await store.list.changed(filters, 10, last_row_version=after)
            assert [order.order_id for order in page.orders if isinstance(order.state, Removed)] == [removed.order_id]
            assert (kept.order_id in _ids(page)) == ("Draft" not in filters.statuses and after == 0)
    # Any other filter applies.
    assert await _changes(store, OrderFilters(uuid4()), 10) == []
    assert await _changes(store, OrderFilters(PARTNER, received_from=NOW + timedelta(seconds=1)), 10) == []
    assert await _changes(store, OrderFilters(PARTNER, sell_to_order_reference="another"), 10) == []
    reference = removed.state.order.sell_to_order_reference  # type: ignore[union-attr]
    assert len(await _changes(store, OrderFilters(PARTNER, frozenset({"Issued"}), reference), 10)) == 1
    assert await _newest_ids(store, ALL) == [kept.order_id]


@pytest.mark.parametrize("seed", range(3))
async def test_who_keeps_the_last_row_version_never_misses_a_change(store: Store, seed: int) -> None:
    random = Random(seed)
    orders = await _submitted(store, 6)
    copy: dict[UUID, str] = {}
    last = 0
    page = OrderPage([], "")
    for _ in range(12):
        order = random.choice(orders)
        if order.state.status == "Submitted":  # type: ignore[union-attr]
            await store.settle(order)
        elif order.state.status == "Issued":  # type: ignore[union-attr]
            await store.cancel(order)
        await store.project(random.randint(1, 5))
        page = await store.list.changed(ALL, random.randint(1, 3), last_row_version=last)
        copy.update({row.order_id: row.state.status for row in page.orders})
        last = page.orders[-1].row_version if page.orders else last
    while page.next_page_key:
        page = await store.list.changed(ALL, 2, page.next_page_key)
        copy.update({row.order_id: row.state.status for row in page.orders})
    assert copy == {order.order_id: order.state.status for order in orders}  # type: ignore[union-attr]


async def test_a_last_row_version_beyond_any_position_is_after_everything(store: Store) -> None:
    await store.submit()
    await store.project()
    assert await _changes(store, ALL, 10, after=10**40) == []


@pytest.mark.parametrize(
    "page_key",
    [
        "x",
        "====",
        "ä",
        "AWM",
        urlsafe_b64encode(b"\x02n" + bytes(24)).decode(),
        urlsafe_b64encode(b"\x01n" + b"\x7f" * 24).decode(),
    ],
)
async def test_a_page_key_that_we_did_not_give_is_refused(store: Store, page_key: str) -> None:
    with pytest.raises(PageKeyInvalid):
        await store.list.newest(ALL, 10, page_key)
    with pytest.raises(PageKeyInvalid):
        await store.list.changed(ALL, 10, page_key)


async def test_a_page_key_of_another_kind_of_list_is_refused(store: Store) -> None:
    await _submitted(store, 2)
    await store.project()
    with pytest.raises(PageKeyInvalid):
        await store.list.newest(ALL, 10, changed_key(5))
    with pytest.raises(PageKeyInvalid):
        await store.list.changed(ALL, 10, (await store.list.newest(ALL, 1)).next_page_key)
