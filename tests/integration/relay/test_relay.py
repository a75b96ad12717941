"""The log on the topic: whole, each order's events in their order, from where it stood, whatever happens between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from structlog.testing import capture_logs

from infra.kafka.errors import KafkaUnavailable
from infra.kafka.producer import Message
from infra.postgres.positions import advance, load_position
from services.relay.relay import PAGE
from tests.integration.relay.published import as_taken_in, public_versions, versions_by_key
from tests.integration.relay.stage import SECONDS, Stage, Stored, lives
from tests.kafka_records import read_topic


class Held:
    """In the place of Kafka: pages arrive here, and are acknowledged when the test says so."""

    def __init__(self) -> None:
        self.pages: list[list[Message]] = []
        self.arrived = asyncio.Event()
        self.acknowledged = asyncio.Event()
        self.faults: list[Exception] = []

    async def publish(self, page: Sequence[Message], seconds: float) -> None:
        assert seconds > 0
        self.pages.append(list(page))
        self.arrived.set()
        if self.faults:
            raise self.faults.pop(0)
        await self.acknowledged.wait()

    def positions(self) -> list[int]:
        return [int(dict(message.headers)["position"]) for page in self.pages for message in page]


async def arrived(kafka: Held) -> None:
    async with asyncio.timeout(SECONDS):
        await kafka.arrived.wait()
    kafka.arrived.clear()


async def test_the_topic_holds_every_public_event_once_and_each_order_in_its_order(stage: Stage) -> None:
    events = lives(400)
    assert len(events) > 3 * PAGE
    await stage.store(events)
    async with stage.relaying():
        await stage.at_the_head()
    assert await versions_by_key(stage.kafka) == public_versions(events)
    assert stage.figures.messages == sum(map(len, public_versions(events).values()))


async def test_what_is_stored_later_follows(stage: Stage) -> None:
    first, second = lives(5), lives(7)
    async with stage.relaying():
        await stage.store(first)
        await stage.at_the_head()
        await stage.store(second)
        await stage.at_the_head()
    assert await versions_by_key(stage.kafka) == public_versions([*first, *second])


async def test_the_next_one_goes_on_where_the_first_stood(stage: Stage) -> None:
    first, second = lives(30), lives(30)
    await stage.store(first)
    async with stage.relaying():
        await stage.at_the_head()
    await stage.store(second)
    async with stage.relaying():
        await stage.at_the_head()
    assert await versions_by_key(stage.kafka) == public_versions([*first, *second])


async def test_positions_that_are_not_public_are_passed(stage: Stage) -> None:
    await stage.store([Stored(uuid4(), 1, "reference.reserved.v1", b"{}") for _ in range(2 * PAGE + 5)])
    kafka = Held()
    async with stage.relaying(kafka):
        await stage.at_the_head()
    assert kafka.pages == []


async def test_a_page_is_acknowledged_before_its_position_is_stored_and_the_next_is_sent(stage: Stage) -> None:
    await stage.store(lives(200))
    kafka = Held()
    relay = stage.relay(kafka)
    relaying = asyncio.create_task(relay.run(stage.woken))
    await arrived(kafka)
    assert (len(kafka.pages), await stage.position()) == (1, 0)
    kafka.acknowledged.set()
    await stage.at_the_head()
    assert kafka.positions() == sorted(set(kafka.positions()))
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)


async def test_what_passes_is_waited_for_and_the_page_sent_again(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Held()
    kafka.acknowledged.set()
    kafka.faults = [KafkaUnavailable("away"), KafkaUnavailable("away")]
    async with stage.relaying(kafka):
        await stage.at_the_head()
    assert kafka.pages == [kafka.pages[0]] * 3
    assert (stage.figures.faults["unavailable"], await stage.halted()) == (2, None)


async def test_an_outage_is_told_once_however_often_it_is_tried_and_once_when_it_is_over(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Held()
    kafka.acknowledged.set()
    kafka.faults = [KafkaUnavailable("away")] * 4
    with capture_logs() as logs:

        async def is_over() -> bool:
            return any(one["event"] == "relay_has_kafka_back" for one in logs)

        async with stage.relaying(kafka):
            await stage.until(is_over)
    told = [(one["event"], one["attempts"]) for one in logs if "kafka" in one["event"]]
    assert told == [("relay_waits_for_kafka", 1), ("relay_has_kafka_back", 4)]


async def test_a_lease_that_is_over_sends_nothing_more(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Held()
    stage.lease_is_held = False
    relay = stage.relay(kafka)
    async with asyncio.timeout(SECONDS):
        await relay.run(stage.woken)
    assert (kafka.pages, await stage.position()) == ([], 0)


async def test_a_page_that_was_read_under_a_lease_that_is_over_is_not_sent(stage: Stage) -> None:
    """As for a process that was stopped between the two."""
    await stage.store(lives(200))
    kafka = Held()

    def stopped_here() -> None:
        stage.lease_is_held = False

    async with asyncio.timeout(SECONDS):
        await stage.relay(kafka, just_before_sending=stopped_here).run(stage.woken)
    assert (kafka.pages, await stage.position()) == ([], 0)


async def test_a_lease_that_ends_while_a_page_is_under_way_ends_with_it(stage: Stage) -> None:
    """As for a process that was stopped and goes on: at most the page in its hands is repeated."""
    await stage.store(lives(200))
    kafka = Held()
    relay = stage.relay(kafka)
    relaying = asyncio.create_task(relay.run(stage.woken))
    await arrived(kafka)
    stage.lease_is_held = False
    async with stage.pool.connection() as connection:  # another one's doing, meanwhile
        await advance(connection, "relay", 0, 1500)
    kafka.acknowledged.set()
    async with asyncio.timeout(SECONDS):
        await relaying
    assert (len(kafka.pages), await stage.position()) == (1, 1500)


async def test_where_another_one_has_moved_the_position_it_is_looked_up_again(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Held()
    async with stage.relaying(kafka):
        await arrived(kafka)
        async with stage.pool.connection() as connection:
            await advance(connection, "relay", 0, 20)
        kafka.acknowledged.set()
        await stage.at_the_head()
    assert min(int(dict(message.headers)["position"]) for message in kafka.pages[1]) > 20


async def test_finishing_waits_for_the_page_under_way(stage: Stage) -> None:
    await stage.store(lives(200))
    kafka = Held()
    relay = stage.relay(kafka)
    relaying = asyncio.create_task(relay.run(stage.woken))
    await arrived(kafka)
    finishing = asyncio.create_task(relay.finish(SECONDS))
    await asyncio.sleep(0)
    kafka.acknowledged.set()
    await finishing
    assert (len(kafka.pages), await stage.position()) == (1, PAGE)
    async with asyncio.timeout(SECONDS):
        await relaying


async def test_finishing_does_not_wait_for_ever(stage: Stage) -> None:
    await stage.store(lives(3))
    kafka = Held()
    async with stage.relaying(kafka) as relay:
        await arrived(kafka)
        async with asyncio.timeout(SECONDS):
            await relay.finish(0.1)
        assert await stage.position() == 0


async def test_a_repeat_is_told_from_what_is_new_by_its_sequence(stage: Stage) -> None:
    """A position that was lost in a crash of the database, which had committed it without waiting for the disk."""
    events = lives(40)
    await stage.store(events)
    async with stage.relaying():
        await stage.at_the_head()
    async with stage.pool.connection() as connection:
        await advance(connection, "relay", await load_position(connection, "relay"), 100)
    async with stage.relaying():
        await stage.at_the_head()
    found = await versions_by_key(stage.kafka)
    assert found != public_versions(events)
    assert as_taken_in(found) == public_versions(events)


async def test_a_record_is_as_the_mapping_has_it(stage: Stage) -> None:
    (event, *_) = lives(1)
    await stage.store([event])
    async with stage.relaying():
        await stage.at_the_head()
    (record,) = await read_topic(stage.kafka)
    headers = dict(record.headers)
    assert record.key.decode() == headers["ce_subject"].decode() == str(event.stream)
    assert headers["ce_id"].decode() == f"1:{event.stream}:1"
    assert headers["position"] == b"1"
