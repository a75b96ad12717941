"""How the runner follows the log: what comes together is one page, and nobody waits who is behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.event_store.recorder import LogRow, Recorder
from projections.order_document import decode_state
from projections.runner import ProjectionRunner
from tests.integration.projections.store import Store


class _CountingRecorder(Recorder):
    """Keeps the sizes of the pages that held anything; `asked` is set once a page was read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.reads, store.group_commit)
        self.pages: list[int] = []
        self.asked = asyncio.Event()

    async def page(self, after: int, limit: int) -> list[LogRow]:
        rows = await super().page(after, limit)
        self.asked.set()
        if rows:
            self.pages.append(len(rows))
        return rows


@asynccontextmanager
async def _running(runner: ProjectionRunner, woken: asyncio.Event) -> AsyncIterator[None]:
    running = asyncio.create_task(runner.run(woken))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _projected(store: Store) -> None:
    """Returns once the read model is at the log's end."""
    head = await store.recorder.max_notification_id() or 0
    while True:
        if await store.rows("select position from consumer_positions where name = 'orders'") == [(head,)]:
            return
        await asyncio.sleep(0.005)


async def test_what_is_stored_within_moments_is_one_page(store: Store) -> None:
    recorder, woken = _CountingRecorder(store), asyncio.Event()
    runner = ProjectionRunner(recorder, store.mapper, store.connect, gather_seconds=0.5)
    async with _running(runner, woken):
        await recorder.asked.wait()
        order = await store.submit()
        woken.set()
        await store.settle(order)
        await _projected(store)
    assert recorder.pages == [order.version]
    assert [decode_state(row[0]) for row in await store.rows("select document from orders")] == [order.state]


async def test_a_runner_that_is_pages_behind_does_not_wait(store: Store) -> None:
    orders = [await store.submit() for _ in range(7)]
    recorder = _CountingRecorder(store)
    runner = ProjectionRunner(recorder, store.mapper, store.connect, page_size=3, gather_seconds=3_600)
    async with _running(runner, asyncio.Event()):
        await _projected(store)
    assert recorder.pages == [3, 3, 1]
    assert await store.rows("select count(*) from orders") == [(len(orders),)]
