"""Rebuilding beside the live table: nothing is lost, readers always see it, and a crash leaves it as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.order.state import ExistingOrder
from infra.event_store.mapper import EventMapper
from infra.event_store.topics import TOPICS
from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.listen import LogListener
from projections.beside import RebuildRuns, orders_beside
from projections.order_document import decode_state
from projections.order_list import OrderFilters
from projections.parked import parked_count, parked_events
from projections.rebuild import compare, rebuild
from services.projector.projector import Projector
from tests.integration.projections.store import PARTNER, OrderOfTest, Store

_INDICES = (
    "select indexname, indexdef from pg_indexes where tablename = 'orders' and schemaname = 'public' order by indexname"
)
_TABLES = "select count(*) from pg_class where relname like 'orders%' and relkind = 'r'"


async def _rebuild(store: Store) -> int:
    return (await rebuild(store.recorder, store.mapper, store.connect)).events


async def _states(store: Store) -> dict[object, ExistingOrder]:
    return {row[0]: decode_state(row[1]) for row in await store.rows("select order_id, document from orders")}


@asynccontextmanager
async def _projector(store: Store) -> AsyncIterator[Projector]:
    async with LogListener(store.dsn) as listener:
        projector = Projector(store.recorder, store.mapper, store.connect, listener)
        await projector.start()
        try:
            yield projector
        finally:
            await projector.stop()


async def _projected(store: Store) -> None:
    """Returns once the read model is at the log's end."""
    head = await store.recorder.max_notification_id()
    while True:
        rows = await store.rows("select position from consumer_positions where name = 'orders'")
        if rows and rows[0][0] == head:
            return
        await asyncio.sleep(0.005)


async def test_the_projector_follows_the_log(store: Store) -> None:
    async with _projector(store) as projector:
        order = await store.submit()
        await _projected(store)
        await store.settle(order)
        await _projected(store)
        await projector.stop()
        await projector.stop()
    assert await _states(store) == {order.order_id: order.state}


async def test_the_projector_goes_on_after_its_connections_were_cut(store: Store) -> None:
    async with _projector(store):
        first = await store.submit()
        await _projected(store)
        await store.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        second = await store.submit()
        await _projected(store)
    assert await _states(store) == {first.order_id: first.state, second.order_id: second.state}


async def test_a_rebuild_gives_the_same_rows_and_indices(store: Store) -> None:
    for _ in range(5):
        await store.settle(await store.submit())
    await store.project()
    rows, indices = await store.rows("select * from orders order by order_id"), await store.rows(_INDICES)
    options = await store.rows("select reloptions from pg_class where relname = 'orders'")
    for _ in range(2):
        assert await _rebuild(store) == await store.recorder.max_notification_id()
        assert await store.rows("select * from orders order by order_id") == rows
        assert await store.rows(_INDICES) == indices
        assert await store.rows("select reloptions from pg_class where relname = 'orders'") == options
        assert await store.rows(_TABLES) == [(1,)]


async def test_a_rebuild_where_no_projector_ever_ran(store: Store) -> None:
    assert await _rebuild(store) == 0
    order = await store.submit()
    await _rebuild(store)
    await store.project()
    assert await _states(store) == {order.order_id: order.state}


async def test_a_rebuild_beside_a_live_writer_loses_nothing_and_readers_always_see_it(store: Store) -> None:
    orders: list[OrderOfTest] = [await store.submit() for _ in range(5)]
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            order = await store.submit()
            await store.settle(order)
            orders.append(order)

    async def read() -> int:
        most = 0
        while not done.is_set():
            page = await store.list.newest(OrderFilters(PARTNER), 1_000)
            assert len(page.orders) >= most, "the list went back"
            most = len(page.orders)
            one = await store.reader.get(orders[0].order_id)
            assert one is not None
            await asyncio.sleep(0)
        return most

    async with _projector(store):
        await _projected(store)
        beside = [asyncio.create_task(write()), asyncio.create_task(read())]
        for _ in range(3):
            await _rebuild(store)
        done.set()
        assert (await asyncio.gather(*beside))[1]
        await _projected(store)
    assert await _states(store) == {order.order_id: order.state for order in orders}
    result = await compare(store.recorder, store.mapper, store.connect)
    assert (result.orders, result.differences) == (len(orders), [])


async def test_a_rebuild_tells_how_far_it_is(store: Store) -> None:
    for _ in range(3):
        await store.submit()
    told: list[tuple[int, int]] = []
    await rebuild(store.recorder, store.mapper, store.connect, lambda done, total: told.append((done, total)))
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)


async def test_a_rebuild_that_was_cut_off_leaves_the_live_table_and_no_trouble(store: Store) -> None:
    order = await store.submit()
    await store.project()

    async def cut_off() -> None:
        async with orders_beside(store.recorder, store.mapper, store.connect) as beside:
            await beside.fill(1, lambda _done, _total: None)
            await store.execute("select pg_terminate_backend(%s)", beside.connection.info.backend_pid)
            await beside.index()

    with pytest.raises(DatabaseUnavailable):
        await cut_off()
    assert await store.rows(_TABLES) == [(2,)]
    assert await _states(store) == {order.order_id: order.state}
    await _rebuild(store)
    assert await store.rows(_TABLES) == [(1,)]
    assert await _states(store) == {order.order_id: order.state}


async def test_one_rebuild_at_a_time(store: Store) -> None:
    async with orders_beside(store.recorder, store.mapper, store.connect):
        with pytest.raises(RebuildRuns):
            await _rebuild(store)
    assert await store.rows(_TABLES) == [(1,)]


async def test_a_rebuild_by_a_program_that_knows_the_event_empties_what_was_parked(store: Store) -> None:
    order = await store.submit()
    await store.start(order)
    old = EventMapper({topic: event for topic, event in TOPICS.items() if topic != "order.scheduled.v1"})
    await rebuild(store.recorder, old, store.connect)
    assert [one.version for one in await parked_events(store.reads)] == [2, 3]
    assert await store.rows("select version from orders") == [(1,)]
    await _rebuild(store)
    assert await parked_count(store.reads) == 0
    assert await _states(store) == {order.order_id: order.state}


async def test_a_row_that_is_not_what_the_log_says_is_named(store: Store) -> None:
    same, altered, missing = [await store.submit() for _ in range(3)]
    await store.project()
    assert (await compare(store.recorder, store.mapper, store.connect)).differences == []
    forged = json.dumps({"not": "what happened"}).encode()
    await store.execute("update orders set document = %s where order_id = %s", forged, altered.order_id)
    await store.execute("delete from orders where order_id = %s", missing.order_id)
    result = await compare(store.recorder, store.mapper, store.connect)
    assert {one.order_id: one.version for one in result.differences} == {altered.order_id: 1, missing.order_id: None}
    assert same.order_id not in {one.order_id for one in result.differences}
    assert await store.rows(_TABLES) == [(1,)]
