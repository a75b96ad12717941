"""A topic as the relay fills it, and feeds of one consumer group over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from struct import pack_into
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from infra.feeds.dead_letter_box import WaitingLetter, open_box
from infra.feeds.kafka_feed import KafkaFeed
from infra.feeds.signals import Batch, FeedLost, OrderSignal
from infra.kafka.connection import client_options
from infra.kafka.producer import Message, TopicProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from infra.postgres.connections import Pool
from services.relay.integration_events import SUBMITTED
from tests.contract.feed_contract import FeedStage

SECONDS = 60.0
PAGE = 500
NAME = "the-issuer"
OTHERS = ("ota.cm.order.scheduled.v1", "ota.cm.order.processing.v1", "ota.cm.order.issued.v1", "ota.cm.order.new.v2")


def message(order_id: UUID, version: int, position: int, ce_type: str = SUBMITTED) -> Message:
    """With the headers that a feed looks at, and others before and behind them."""
    key = str(order_id).encode()
    headers = {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_type": ce_type.encode(),
        "ce_subject": key,
        "ce_sequence": b"%d" % version,
        "position": b"%d" % position,
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    return Message(key, b"not even looked at", list(headers.items()))


class KafkaStage(FeedStage):
    """`name`: of the feeds' member; with one, a feed that is started takes everything over from the one before it."""

    def __init__(self, settings: KafkaSettings, pool: Pool) -> None:
        self.settings = settings
        self.pool = pool
        self._producer = TopicProducer(settings, "tests-stage")
        self._positions = count(1)
        self._feeds: list[KafkaFeed] = []

    def feed(self, *, name: str | None = NAME, drain_seconds: float = 5.0) -> KafkaFeed:
        feed = KafkaFeed(
            self.settings,
            self.pool,
            SUBMITTED,
            client_id=f"tests-{name}",
            member_name=name,
            drain_seconds=drain_seconds,
        )
        self._feeds.append(feed)
        return feed

    async def submit(self, count: int) -> list[OrderSignal]:
        signals, page = [], []
        for turn in range(count):
            order_id = uuid4()
            page.append(self._other())
            signal = OrderSignal(order_id, 1 + turn % 3, next(self._positions))
            page.append(message(order_id, signal.version, signal.position))
            signals.append(signal)
            page.append(self._other())
        await self.send(page)
        return signals

    async def submit_again(self, earlier: OrderSignal) -> OrderSignal:
        again = OrderSignal(earlier.order_id, earlier.version + 1, next(self._positions))
        await self.send([message(again.order_id, again.version, again.position)])
        return again

    async def other_events(self, count: int) -> int:
        await self.send([self._other() for _ in range(count)])
        return next(self._positions) - 1

    async def taken_over(self) -> None:
        other = self.feed()
        await other.start()
        await other.commit(await other.next_batch())
        await other.stop()

    async def send(self, page: Sequence[Message]) -> None:
        """Page by page, as the relay does."""
        await ensure_topic(self.settings)
        for first in range(0, len(page), PAGE):
            await self._producer.publish(page[first : first + PAGE], SECONDS)

    async def relayed(self, position: int) -> None:
        """As the relay says where it stands."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "insert into consumer_positions (name, position) values ('relay', %s)"
                " on conflict (name) do update set position = excluded.position",
                (position,),
            )

    async def send_spoilt(self) -> None:
        """A record with a header whose name is no text; the client library refuses to make one, and to read one."""
        producer = AIOKafkaProducer(**client_options(self.settings, "tests-spoilt"))
        await producer.start()
        try:
            batch = producer.create_batch()
            batch.append(timestamp=None, key=b"key", value=b"value", headers=[("spoilt", b"")])
            data = bytearray(batch._build())
            data[data.index(b"spoilt")] = 0xFF
            builder = DefaultRecordBatchBuilder
            checksum = calc_crc32c(memoryview(data)[builder.ATTRIBUTES_OFFSET :])
            pack_into(">I", data, builder.CRC_OFFSET, checksum)
            batch._buffer = bytes(data)
            await (await producer.send_batch(batch, self.settings.topic, partition=0))
        finally:
            await producer.stop()

    async def dead_letters(self) -> list[WaitingLetter]:
        """Those that wait."""
        async with open_box(self.settings) as box:
            return [letter async for page in box.pages() for letter in page]

    async def renew(self) -> None:
        """Another producer: the old one remembers the old topic."""
        await self._producer.close()
        self._producer = TopicProducer(self.settings, "tests-stage")

    async def close(self) -> None:
        for feed in self._feeds:
            await feed.stop()
        await self._producer.close()

    def _other(self) -> Message:
        position = next(self._positions)
        return message(uuid4(), 2, position, OTHERS[position % len(OTHERS)])


async def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds; it may be a question to be awaited."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(feed: KafkaFeed, in_hand: Batch | None = None) -> AsyncIterator[list[OrderSignal]]:
    """It takes and commits whatever comes; yields what it was handed and could commit. `in_hand`: taken before."""
    done: list[OrderSignal] = []

    async def work() -> None:
        batch = in_hand
        while True:
            batch = batch or await feed.next_batch()
            try:
                await feed.commit(batch)
            except FeedLost:
                await feed.start()
            else:
                done.extend(batch.signals)
            batch = None

    if in_hand is None:
        await feed.start()
    task = asyncio.create_task(work())
    try:
        yield done
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await feed.stop()
