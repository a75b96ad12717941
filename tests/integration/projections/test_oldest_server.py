"""The read model on the oldest PostgreSQL that we support."""

from __future__ import annotations

from projections.order_list import OrderFilters
from projections.orders import OrdersInFlight
from projections.rebuild import compare, rebuild
from tests.integration.projections.store import NOW, PARTNER, opened_store


async def test_projected_listed_and_rebuilt(dsn16: str) -> None:
    async with opened_store(dsn16) as store:
        settled, waiting = await store.submit(), await store.submit()
        await store.project()
        await store.settle(settled)
        read = await store.reader.get(settled.order_id)
        assert read is not None
        assert read.state == settled.state
        await store.project()
        await rebuild(store.recorder, store.mapper, store.connect)
        assert len((await store.list.newest(OrderFilters(PARTNER), 10)).orders) == 2
        assert len((await store.list.changed(OrderFilters(PARTNER), 10)).orders) == 2
        assert [due.order_id for due in await OrdersInFlight(store.reads).due(NOW, 10)] == [waiting.order_id]
        assert (await compare(store.recorder, store.mapper, store.connect)).differences == []
