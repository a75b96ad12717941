"""Messages that the saga cannot read: put aside with their reason, counted, sent back; they stop nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from infra.feeds.dead_letters import DeadLetter, DeadLetters
from infra.kafka.group_figures import group_figures
from infra.kafka.producer import Message
from infra.kafka.topic import ensure_topic, find_topic
from tests.e2e.topic import kafka_environment
from tests.integration.cli.conftest import own_database
from tests.integration.cli.terminal import Terminal
from tests.integration.feeds.stage import KafkaStage, message, until, working
from tests.kafka_records import delete_topic, make_topic, read_topic

GOOD = message(uuid4(), 1, 1)


def without(name: str) -> Message:
    return GOOD._replace(headers=[header for header in GOOD.headers if header[0] != name])


def with_(name: str, content: bytes) -> Message:
    return GOOD._replace(headers=[(header, content if header == name else was) for header, was in GOOD.headers])


UNREADABLE = {
    "no headers": GOOD._replace(headers=[]),
    "no type": without("ce_type"),
    "a type that is no text": with_("ce_type", b"\xff\xfe"),
    "an empty type": with_("ce_type", b""),
    "no subject": without("ce_subject"),
    "a subject that is no id": with_("ce_subject", b"order-17"),
    "a subject in other words": with_("ce_subject", b"{" + str(uuid4()).encode() + b"}"),
    "a subject that is no text": with_("ce_subject", b"\xff" * 16),
    "no version": without("ce_sequence"),
    "a version that is no number": with_("ce_sequence", b"-1"),
    "no position": without("position"),
    "a position beyond all": with_("position", b"9" * 30),
    "no key and no value": Message(None, None, [("anything", b"\x00")]),
}


async def dead(stage: KafkaStage) -> int:
    return (await group_figures(stage.settings, 30)).dead_letters


@pytest.mark.parametrize("poison", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_cannot_be_read_is_put_aside_and_stops_nobody(narrow_stage: KafkaStage, poison: Message) -> None:
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


# The commands.


@pytest.fixture
def terminal(dsn: str, stage: KafkaStage) -> Terminal:
    return Terminal({**own_database(dsn), **kafka_environment(stage.settings)})


async def put_aside(stage: KafkaStage, messages: Sequence[Message]) -> None:
    letters = DeadLetters(stage.settings, "tests-dead-letters")
    await letters.make_topic()
    await letters.send(
        [
            DeadLetter(stage.settings.topic, 3, offset, f"fault {offset}", one.key, one.value, one.headers)
            for offset, one in enumerate(messages)
        ]
    )
    await letters.close()


async def test_they_are_listed_and_sent_back_as_they_came(stage: KafkaStage, terminal: Terminal) -> None:
    await ensure_topic(stage.settings)
    poison = UNREADABLE["no subject"]
    await put_aside(stage, [GOOD, poison])
    first, second = await asyncio.to_thread(terminal.json, "dlq", "list")
    assert (first["offset"], first["origin"], first["error"]) == (0, f"{stage.settings.topic}/3/0", "fault 0")
    assert (first["type"], first["subject"]) == ("ota.cm.order.submitted.v1", (GOOD.key or b"").decode())
    assert (second["subject"], second["bytes"]) == ("", len(GOOD.value or b""))
    assert "fault 1" in await asyncio.to_thread(terminal.output, "dlq", "list")
    cut = await asyncio.to_thread(terminal.type, "dlq", "list", "--limit", "1")
    assert "1 more; --limit shows them" in cut.stderr
    assert "fault 1" not in cut.stdout

    assert await asyncio.to_thread(terminal.json, "dlq", "replay") == {"sentBack": 2, "unreadable": 1, "leftOut": 0}
    sent = [Message(record.key, record.value, list(record.headers)) for record in await read_topic(stage.settings)]
    assert sorted(sent, key=repr) == sorted([GOOD, poison], key=repr)
    assert await dead(stage) == 0

    # Once each; what cannot be read still comes back by itself.
    assert await asyncio.to_thread(terminal.json, "dlq", "replay") == {"sentBack": 0, "unreadable": 0, "leftOut": 0}
    assert await asyncio.to_thread(terminal.output, "dlq", "list") == "no dead letters\n"
    async with working(stage.feed()) as done:
        await until(lambda: len(done) == 1)
        await until(lambda: _one_waits(stage))
    (again,) = await stage.dead_letters()
    assert again.message.headers == poison.headers
    assert again.error != "fault 1"


async def test_status_counts_them_and_tells_the_lag_of_the_group(stage: KafkaStage, terminal: Terminal) -> None:
    await stage.submit(5)
    await put_aside(stage, [GOOD])
    status = await asyncio.to_thread(terminal.json, "status")
    assert status["deadLetters"] == 1
    (issuer,) = (one for one in status["consumers"] if one["name"] == "issuer")
    assert (issuer["position"], issuer["head"], issuer["lag"], issuer["halted"]) == (0, 15, 15, None)
    async with working(stage.feed()):
        await until(lambda: _nothing_waits(stage))
    status = await asyncio.to_thread(terminal.json, "status")
    assert [(one["head"], one["lag"]) for one in status["consumers"] if one["name"] == "issuer"] == [(15, 0)]


async def test_where_there_is_none_that_is_said(terminal: Terminal) -> None:
    assert await asyncio.to_thread(terminal.json, "dlq", "list") == []
    assert await asyncio.to_thread(terminal.output, "dlq", "replay") == "sent back: 0\n"
    nowhere = Terminal({**terminal.settings, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert "Kafka" in await asyncio.to_thread(nowhere.refusal, 2, "dlq", "list")
    without_kafka = Terminal({**terminal.settings, "KAFKA_BOOTSTRAP_SERVERS": ""})
    told = await asyncio.to_thread(without_kafka.refusal, 2, "dlq", "replay")
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in told


async def test_what_the_topic_does_not_take_stays_and_is_told(stage: KafkaStage, terminal: Terminal) -> None:
    await make_topic(stage.settings, {"max.message.bytes": "1000"})
    await put_aside(stage, [GOOD, GOOD._replace(value=b"L" * 2000), GOOD])
    done = await asyncio.to_thread(terminal.type, "dlq", "replay")
    assert (done.returncode, done.stdout) == (1, "sent back: 1\n")
    assert "Kafka refused the next one" in done.stderr
    assert await dead(stage) == 2


async def _nothing_waits(stage: KafkaStage) -> bool:
    place = (await group_figures(stage.settings, 30)).place
    return place.lag == 0 and place.end > 0


async def _one_waits(stage: KafkaStage) -> bool:
    return await dead(stage) == 1
