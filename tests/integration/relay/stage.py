"""A log to be relayed, and the relay over it as its role wires it; nobody else is at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from infra.event_store.arrays import ByteaArray, Int8Array, TextArray, UuidArray
from infra.event_store.mapper import EventMapper
from infra.kafka.producer import TopicProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from infra.postgres.connections import Pool
from infra.postgres.reads import Reads
from services.relay.figures import RelayFigures
from services.relay.public_log import PublicLog
from services.relay.relay import Pace, Publishes, Relay
from tests.golden.examples import EXAMPLES, METADATA, ReadableSeal

SECONDS = 60.0
QUICK = Pace(publish=2.0, waits=(0.05, 0.2), store=0.05, halted=0.2)

# An order's whole life, private events and all.
LIFE = (
    *("order.submitted.v1", "order.scheduled.v1", "order.processing.v1", "order.issuance_deferred.v1"),
    *("order.issuance_resumed.v1", "order.drafted.v1", "order.confirmed.v1", "order.redeemed.v1"),
    *("order.cancelled.v1", "order.void_requested.v1"),
)
BESIDE = ("reference.reserved.v1", "partner.changed.v1", "subscription.disabled.v1")
REFERENCES = ("reference.reserved.v1", "reference.released.v1")

_MAPPER = EventMapper()
_STATES = {
    topic: _MAPPER.to_row(event, _MAPPER.metadata(METADATA), ReadableSeal()).state for topic, event in EXAMPLES.items()
}

_STORE = """
insert into stored_events (originator_id, originator_version, topic, state, notification_id)
select u.stream, u.version, u.topic, u.state, (select coalesce(max(notification_id), 0) from stored_events) + u.place
from unnest(%s::uuid[], %s::bigint[], %s::text[], %s::bytea[])
    with ordinality as u(stream, version, topic, state, place)
"""


class Stored(NamedTuple):
    stream: UUID
    version: int
    topic: str
    state: bytes


def lives(orders: int, beside: Sequence[str] = BESIDE) -> list[Stored]:
    """Orders whose lives go on beside each other, ten at a time, and events of other streams between them.

    A whole service cannot take in every one of BESIDE: they come from nowhere. REFERENCES it can.
    """
    events = []
    for first in range(0, orders, 10):
        ids = [uuid4() for _ in range(min(10, orders - first))]
        for version, topic in enumerate(LIFE, 1):
            events += [Stored(order_id, version, topic, _STATES[topic]) for order_id in ids]
            events += [Stored(uuid4(), 1, topic, _STATES[topic]) for topic in beside]
    return events


# The same over a connection that encodes lists itself, and with the writer's notice.
STORE_TEXTS = f"with stored as ({_STORE} returning 1) select pg_notify('stored_events', 'other') from stored limit 1"


def texts(events: Sequence[Stored]) -> list[list[Any]]:
    return [list(column) for column in zip(*events, strict=True)]


class Stage:
    """`run` relays until `until` is fulfilled; whatever it ended with is raised."""

    def __init__(self, pool: Pool, kafka: KafkaSettings) -> None:
        self.pool = pool
        self.kafka = kafka
        self.reads = Reads(pool)
        self.figures = RelayFigures()
        self.woken = asyncio.Event()
        self.lease_is_held = True

    async def store(self, events: Sequence[Stored]) -> None:
        async with self.pool.connection() as connection:
            columns = (
                UuidArray.of([event.stream for event in events]),
                Int8Array.of([event.version for event in events]),
                TextArray.of([event.topic for event in events]),
                ByteaArray.of([event.state for event in events]),
            )
            await connection.execute(_STORE, columns)
        self.woken.set()

    def relay(
        self,
        producer: Publishes,
        *,
        pace: Pace = QUICK,
        just_before_sending: Callable[[], None] = lambda: None,
    ) -> Relay:
        async def no_catalog() -> None:
            just_before_sending()

        return Relay(
            log=PublicLog(self.reads),
            producer=producer,
            pool=self.pool,
            prepare=lambda: ensure_topic(self.kafka),
            held=lambda: self.lease_is_held,
            figures=self.figures,
            epoch=1,
            venue_id=no_catalog,
            pace=pace,
        )

    @asynccontextmanager
    async def relaying(self, producer: Publishes | None = None, *, pace: Pace = QUICK) -> AsyncIterator[Relay]:
        """A relay at work, over a real producer if none is given."""
        own = TopicProducer(self.kafka, "tests-relay") if producer is None else None
        relay = self.relay(producer or own or _none(), pace=pace)
        task = asyncio.create_task(relay.run(self.woken))
        try:
            yield relay
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if own is not None:
                await own.close()

    async def scalar(self, query: str, *parameters: object) -> Any:
        return (await self.reads.rows(query, parameters))[0][0]

    async def position(self) -> int:
        """As it is stored; 0 before the first time."""
        query = "select coalesce(max(position), 0) from consumer_positions where name = 'relay'"
        return int(await self.scalar(query))

    async def halted(self) -> str | None:
        halted: str | None = await self.scalar("select max(halted) from consumer_positions where name = 'relay'")
        return halted

    async def head(self) -> int:
        return int(await self.scalar("select coalesce(max(notification_id), 0) from stored_events"))

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(SECONDS):
            while not await condition():  # noqa: ASYNC110 - of the database and of Kafka
                await asyncio.sleep(0.02)

    async def at_the_head(self) -> None:
        """Wait until the relay's position is stored at the log's end; it is woken as by the clock of its listener."""

        async def there() -> bool:
            self.woken.set()
            return await self.position() == await self.head()

        await self.until(there)


def _none() -> Publishes:
    raise AssertionError
