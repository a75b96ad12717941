"""Messages that the saga cannot read: put aside with their reason, counted, sent back; they stop nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.kafka.producer import Message
from infra.kafka.topic import find_topic
from tests.integration.feeds.poison import GOOD, UNREADABLE, with_
from tests.integration.feeds.stage import KafkaStage, until, working
from tests.kafka_records import delete_topic, figures_of, make_topic


async def dead(stage: KafkaStage) -> int:
    return (await figures_of(stage.settings)).dead_letters


@pytest.mark.parametrize("kind", ["no headers", "a subject that is no id", "no key and no value"])
async def test_what_cannot_be_read_is_put_aside_and_stops_nobody(narrow_stage: KafkaStage, kind: str) -> None:
    poison = UNREADABLE[kind]
    expected = await narrow_stage.submit(2)
    await narrow_stage.send([poison])
    expected += await narrow_stage.submit(2)
    feed = narrow_stage.feed()
    async with working(feed) as done:
        await until(lambda: len(done) == 4)
        assert done == expected
        assert feed.figures.dead_letters == 1
        (letter,) = await narrow_stage.dead_letters()
        assert letter.message == Message(poison.key, poison.value, list(poison.headers))
        assert letter.origin == f"{narrow_stage.settings.topic}/0/6"
        assert letter.error
        assert await dead(narrow_stage) == 1


async def test_one_alone_is_committed_too(stage: KafkaStage) -> None:
    async with working(stage.feed()):
        await stage.send([UNREADABLE["no headers"]])
        await until(lambda: _nothing_waits(stage))
    assert await dead(stage) == 1


async def test_a_newer_type_is_no_fault(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed):
        await stage.send([with_("ce_type", b"ota.cm.order.submitted.v2"), with_("ce_type", b"com.example.else")])
        await until(lambda: feed.figures.messages == 2)
        await until(lambda: _nothing_waits(stage))
    assert await stage.dead_letters() == []


async def test_the_topic_is_made_at_the_start(stage: KafkaStage) -> None:
    async with working(stage.feed()):
        await until(lambda: find_topic(stage.settings, name=stage.settings.dead_letter_topic))


async def test_a_dead_letter_topic_that_is_gone_is_made_again(stage: KafkaStage) -> None:
    feed = stage.feed()
    async with working(feed):
        await stage.send([UNREADABLE["no headers"]])
        await until(lambda: feed.figures.dead_letters == 1)
        await delete_topic(stage.settings, stage.settings.dead_letter_topic)
        await stage.send([UNREADABLE["no type"]])
        await until(lambda: feed.figures.dead_letters == 2)
    assert len(await stage.dead_letters()) == 1


async def test_one_too_large_for_it_is_named_without_its_content(stage: KafkaStage) -> None:
    aside = replace(stage.settings, topic=stage.settings.dead_letter_topic, partitions=1)
    await make_topic(aside, {"max.message.bytes": "1200"})
    feed = stage.feed()
    async with working(feed):
        await stage.send([GOOD._replace(value=b"L" * 1080, headers=[]), UNREADABLE["no type"]])
        await until(lambda: feed.figures.dead_letters == 2)
    letters = await stage.dead_letters()
    assert sorted(bool(letter.left_out) for letter in letters) == [False, True]
    (bare,) = (letter for letter in letters if letter.left_out)
    assert bare.message.value is None
    assert bare.origin.startswith(stage.settings.topic)


async def _nothing_waits(stage: KafkaStage) -> bool:
    place = (await figures_of(stage.settings)).place
    return place.lag == 0 and place.end > 0
