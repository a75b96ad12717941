"""A broker that is killed, frozen or away while the relay is at work: it waits, and what it sent is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from infra.postgres.connections import Pool
from tests.brokers import Broker, kafka_settings_of
from tests.integration.relay.published import as_taken_in, public_versions, versions_by_key
from tests.integration.relay.stage import Stage, Stored, lives


async def _something_is_acknowledged(stage: Stage, more_than: int = 0) -> None:
    async def acknowledged() -> bool:
        return stage.figures.messages > more_than

    await stage.until(acknowledged)


async def _kafka_was_missed(stage: Stage) -> None:
    missed = stage.figures.faults["unavailable"]

    async def again() -> bool:
        return stage.figures.faults["unavailable"] > missed

    await stage.until(again)


async def test_a_broker_that_is_away_killed_and_frozen(pool: Pool, own_broker: Callable[..., Broker]) -> None:
    broker = await asyncio.to_thread(own_broker)
    stage = Stage(pool, kafka_settings_of(broker))
    events: list[Stored] = []
    storing = True

    async def trade() -> None:
        while storing:
            more = lives(10)
            events.extend(more)
            await stage.store(more)
            await asyncio.sleep(0.2)

    trading = asyncio.create_task(trade())
    async with stage.relaying():
        await _something_is_acknowledged(stage)
        await asyncio.to_thread(broker.kill)
        await _kafka_was_missed(stage)
    async with stage.relaying():  # one that starts while it is away
        await _kafka_was_missed(stage)
        stood = stage.figures.messages
        await asyncio.to_thread(broker.start)
        await _something_is_acknowledged(stage, stood)
        await asyncio.to_thread(broker.pause)
        await _kafka_was_missed(stage)
        await asyncio.to_thread(broker.resume)
        storing = False
        await trading
        await stage.at_the_head()
    assert as_taken_in(await versions_by_key(stage.kafka)) == public_versions(events)
    assert await stage.halted() is None
