"""From the log to the read model: every order's row is what `evolve` says, and nothing of the guest is in it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest

from domain.history import HistoryBroken
from domain.order.events import VoidRequested
from infra.event_store.mapper import UnknownTopic
from infra.postgres.connections import Connection
from projections.order_document import decode_state, summary
from projections.order_rows import OrderRows
from projections.orders import OrdersInFlight, any_order_of_partner
from projections.pages import apply_page
from projections.parked import LATER, parked_count, parked_events
from tests.integration.projections.store import EMAIL, NAME, NOW, PARTNER, OrderOfTest, Store

_ROWS = "select * from orders order by order_id"


async def _every_way(store: Store) -> list[OrderOfTest]:
    """Orders in every state, by every transition."""
    orders = [await store.submit() for _ in range(6)] + [await store.submit(payment_reference=None) for _ in range(4)]
    _, processing, deferred, issued, cancelled, failed, draft, confirmed, removed, replaced = orders
    for order in (processing, deferred):
        await store.start(order)
    await store.defer(deferred, NOW + timedelta(seconds=5))
    for order in (issued, cancelled, draft, confirmed, removed, replaced):
        await store.settle(order)
    await store.fail(failed)
    await store.cancel(cancelled)
    await store.confirm(confirmed)
    await store.cancel(removed)
    await store.replace(replaced)
    return orders


async def test_a_row_is_what_evolve_says(store: Store) -> None:
    orders = await _every_way(store)
    await store.project()
    rows = await store.rows("select order_id, version, status, removed, document, summary from orders")
    assert len(rows) == len(orders)
    by_id = {row[0]: row for row in rows}
    for order in orders:
        _, version, status, removed, document, short = by_id[order.order_id]
        assert decode_state(document) == order.state
        assert decode_state(short) == summary(order.state)
        assert (version, status) == (order.version, order.state.status)
        assert removed == (type(order.state).__name__ == "Removed")


async def test_nothing_of_the_guest_is_in_a_row(store: Store) -> None:
    await _every_way(store)
    await store.project()
    for row in await store.rows(
        "select orders::text, encode(document, 'escape'), encode(summary, 'escape') from orders"
    ):
        for text in row:
            assert NAME.split()[1] not in str(text)
            assert EMAIL not in str(text)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_pages_the_rows_are_the_same(store: Store, seed: int) -> None:
    await _every_way(store)
    await store.project()
    expected = await store.rows(_ROWS)
    await store.execute("truncate orders")
    table, sizes, position = OrderRows(store.mapper), Random(seed), 0
    connection = await store.projection_connection()
    while rows := await store.recorder.page(position, sizes.randint(1, 9)):
        await apply_page(connection, table, _nowhere, position, rows)
        position = rows[-1].position
    await connection.close()
    assert await store.rows(_ROWS) == expected


async def _nowhere(_connection: Connection, _old: int, _new: int) -> None:
    pass


async def test_two_runners_at_once_do_no_harm(store: Store) -> None:
    orders = [await store.submit() for _ in range(10)]
    connections = [await store.projection_connection() for _ in range(2)]
    following = [asyncio.create_task(store.runner(7).catch_up(connection)) for connection in connections]
    for order in orders:
        await store.settle(order)
    await asyncio.gather(*following)
    await asyncio.gather(*(store.runner(3).catch_up(connection) for connection in connections))
    for connection in connections:
        await connection.close()
    rows = await store.rows("select order_id, version, document from orders")
    assert {row[0]: (row[1], decode_state(row[2])) for row in rows} == {
        order.order_id: (order.version, order.state) for order in orders
    }


async def test_a_strong_read_does_not_need_the_projector(store: Store) -> None:
    order = await store.submit()
    read = await store.reader.get(order.order_id)
    assert read is not None
    assert (read.state, read.version, read.key) == (order.state, order.version, order.key)


async def test_a_strong_read_sees_what_the_document_does_not(store: Store) -> None:
    order = await store.submit()
    await store.project()
    await store.settle(order)
    read = await store.reader.get(order.order_id)
    assert read is not None
    assert (read.state, read.version) == (order.state, order.version)
    await store.project()
    assert await store.reader.get(order.order_id) == read


async def test_a_strong_read_of_nothing_is_nothing(store: Store) -> None:
    order = await store.submit()
    await store.project()
    assert await store.reader.get(PARTNER) is None
    await store.execute("delete from stream_keys")
    read = await store.reader.get(order.order_id)
    assert read is not None
    assert read.key is None


async def test_strong_reads_at_once_each_get_their_own(store: Store) -> None:
    orders = [await store.submit() for _ in range(8)]
    await store.project()
    await store.settle(orders[3])
    read = await asyncio.gather(*(store.reader.get(order.order_id) for order in orders))
    assert [one.state for one in read if one is not None] == [order.state for order in orders]


async def test_a_poison_event_is_parked_and_the_others_go_on(store: Store) -> None:
    before, poisoned, after = [await store.submit() for _ in range(3)]
    await store.append(poisoned.order_id, 1, [("order.teleported.v9", b"{}")])
    poisoned.version += 1
    await store.start(poisoned)
    await store.settle(before)
    await store.settle(after)
    await store.project()
    parked = await parked_events(store.reads)
    assert [(one.stream, one.version, one.topic) for one in parked] == [
        (poisoned.order_id, 2, "order.teleported.v9"),
        (poisoned.order_id, 3, "order.scheduled.v1"),
        (poisoned.order_id, 4, "order.processing.v1"),
    ]
    assert parked[0].error == "UnknownTopic: order.teleported.v9"
    assert {one.error for one in parked[1:]} == {LATER}
    assert await parked_count(store.reads) == 3
    rows = await store.rows("select order_id, version from orders")
    assert dict(rows) == {before.order_id: before.version, after.order_id: after.version, poisoned.order_id: 1}
    with pytest.raises(UnknownTopic):
        await store.reader.get(poisoned.order_id)


@pytest.mark.parametrize("page_size", [1, 2, 1000])
async def test_later_events_of_a_parked_order_are_parked_in_any_page(store: Store, page_size: int) -> None:
    order = await store.submit()
    # Nothing of an order in flight may be voided: `evolve` refuses it.
    await store.start(order)
    metadata = b'{"commandId":"%b","occurredAt":"2026-11-23T10:00:00Z","actor":{"scope":"partner"},"correlationId":"c"}'
    state = b'{"metadata":%b,"data":{"jobId":"%b"}}' % (metadata % str(PARTNER).encode(), str(PARTNER).encode())
    await store.append(order.order_id, 3, [("order.void_requested.v1", state), ("order.scheduled.v1", b"not JSON")])
    await store.project(page_size)
    await store.append(order.order_id, 5, [("order.scheduled.v1", b"{}")])
    await store.project(page_size)
    parked = await parked_events(store.reads)
    assert [one.version for one in parked] == [4, 5, 6]
    assert parked[0].error.startswith(HistoryBroken.__name__)
    assert await store.rows("select version from orders") == [(3,)]


async def test_a_row_that_postgresql_refuses_is_found_among_others(store: Store) -> None:
    orders = [await store.submit() for _ in range(5)]
    await store.submit("with \x00 in it")
    orders += [await store.submit() for _ in range(5)]
    await store.submit("too long for an index" + "".join(chr(0x100 + n * 7 % 5000) for n in range(4000)))
    for order in orders:
        await store.start(order)
    await store.project()
    assert await parked_count(store.reads) == 2
    rows = await store.rows("select order_id, version from orders")
    assert dict(rows) == {order.order_id: order.version for order in orders}
    log_end = await store.recorder.max_notification_id()
    assert await store.rows("select position from consumer_positions where name = 'orders'") == [(log_end,)]


async def test_in_flight_orders_are_counted_and_due_in_their_time(store: Store) -> None:
    submitted, processing, deferred, settled = [
        await store.submit(received_at=NOW + timedelta(seconds=n)) for n in range(4)
    ]
    await store.start(processing, lease_until=NOW + timedelta(seconds=30))
    await store.start(deferred)
    await store.defer(deferred, NOW + timedelta(seconds=10))
    await store.settle(settled)
    await store.project()
    in_flight = OrdersInFlight(store.reads)
    counted = await in_flight.counts()
    assert counted.counts == {"Submitted": 1, "Scheduled": 0, "Processing": 2}
    assert counted.oldest_submitted_at == NOW
    due = await in_flight.due(NOW + timedelta(seconds=60), 10)
    assert [one.order_id for one in due] == [submitted.order_id, deferred.order_id, processing.order_id]
    assert [one.order_id for one in await in_flight.due(NOW + timedelta(seconds=9), 10)] == [submitted.order_id]
    assert await in_flight.oldest_due(NOW) == NOW
    assert await in_flight.oldest_due(NOW - timedelta(microseconds=1)) is None
    slow = OrdersInFlight(store.reads, pickup=timedelta(seconds=20))
    assert await slow.oldest_due(NOW + timedelta(seconds=9)) is None
    assert await slow.oldest_due(NOW + timedelta(seconds=20)) == NOW + timedelta(seconds=10)
    assert [one.due_at for one in await slow.due(NOW + timedelta(seconds=20), 10)] == [
        NOW + timedelta(seconds=10),
        NOW + timedelta(seconds=20),
    ]


async def test_a_partner_has_orders_until_all_are_removed(store: Store) -> None:
    assert not await any_order_of_partner(store.reads, PARTNER)
    order = await store.submit(payment_reference=None)
    await store.project()
    assert await any_order_of_partner(store.reads, PARTNER)
    await store.settle(order)
    await store.cancel(order)
    assert not await any_order_of_partner(store.reads, PARTNER)  # whether the table knows or not
    await store.project()
    assert not await any_order_of_partner(store.reads, PARTNER)


async def test_an_order_that_came_and_went_while_the_table_was_behind_does_not_count(store: Store) -> None:
    kept, gone = await store.submit(payment_reference=None), await store.submit(payment_reference=None)
    assert await any_order_of_partner(store.reads, PARTNER)
    for order in (kept, gone):
        await store.settle(order)
    await store.cancel(gone)
    assert await any_order_of_partner(store.reads, PARTNER)
    await store.cancel(kept)
    assert not await any_order_of_partner(store.reads, PARTNER)


async def test_a_request_to_void_is_no_change_that_a_list_shows(store: Store) -> None:
    order = await store.submit()
    await store.fail(order)
    await store.project()
    row_version = await store.rows("select row_version from orders")
    await store.save(order, [VoidRequested(PARTNER)])
    await store.project()
    assert await store.rows("select row_version from orders") == row_version
    assert await store.rows("select version from orders") == [(order.version,)]
