"""`dlq`: what could not be read is listed and sent back; and what `status` says of it, and of the group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from infra.feeds.dead_letter_box import WaitingLetter
from infra.feeds.dead_letters import DeadLetter, DeadLetters
from infra.kafka.producer import Message
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from infra.postgres.connections import open_pool
from tests.e2e.topic import kafka_environment
from tests.integration.cli.conftest import own_database
from tests.integration.cli.terminal import Terminal
from tests.integration.feeds.poison import GOOD, UNREADABLE
from tests.integration.feeds.stage import KafkaStage, until, working
from tests.kafka_records import figures_of, make_topic, read_topic

# The tests are no coroutines: starting a process holds an event loop for as long as a busy machine likes.


@pytest.fixture
def terminal(dsn: str, kafka_settings: KafkaSettings) -> Terminal:
    return Terminal({**own_database(dsn), **kafka_environment(kafka_settings)})


@asynccontextmanager
async def staged(kafka: KafkaSettings, dsn: str) -> AsyncIterator[KafkaStage]:
    pool = await open_pool(dsn, application_name="tests dlq", min_size=1, max_size=2)
    stage = KafkaStage(kafka, pool)
    try:
        yield stage
    finally:
        await stage.close()
        await pool.close()


async def put_aside(kafka: KafkaSettings, messages: Sequence[Message]) -> None:
    letters = DeadLetters(kafka, "tests-dead-letters")
    await letters.make_topic()
    faults = [
        DeadLetter(kafka.topic, 3, offset, f"fault {offset}", one.key, one.value, one.headers)
        for offset, one in enumerate(messages)
    ]
    await letters.send(faults)
    await letters.close()


async def sent(kafka: KafkaSettings) -> list[Message]:
    return [Message(record.key, record.value, list(record.headers)) for record in await read_topic(kafka)]


def dead(kafka: KafkaSettings) -> int:
    return asyncio.run(figures_of(kafka)).dead_letters


def test_they_are_listed(kafka_settings: KafkaSettings, terminal: Terminal) -> None:
    asyncio.run(put_aside(kafka_settings, [GOOD, UNREADABLE["no subject"]]))
    first, second = terminal.json("dlq", "list")
    assert (first["offset"], first["origin"], first["error"]) == (0, f"{kafka_settings.topic}/3/0", "fault 0")
    assert (first["type"], first["subject"]) == ("ota.cm.order.submitted.v1", (GOOD.key or b"").decode())
    assert (second["subject"], second["bytes"]) == ("", len(GOOD.value or b""))
    assert "fault 1" in terminal.output("dlq", "list")
    cut = terminal.type("dlq", "list", "--limit", "1")
    assert "1 more; --limit shows them" in cut.stderr
    assert "fault 1" not in cut.stdout


def test_they_are_sent_back_as_they_came_and_once(dsn: str, kafka_settings: KafkaSettings, terminal: Terminal) -> None:
    asyncio.run(ensure_topic(kafka_settings))
    poison = UNREADABLE["no subject"]
    asyncio.run(put_aside(kafka_settings, [GOOD, poison]))
    assert terminal.json("dlq", "replay") == {"sentBack": 2, "unreadable": 1, "leftOut": 0}
    assert sorted(asyncio.run(sent(kafka_settings)), key=repr) == sorted([GOOD, poison], key=repr)
    assert dead(kafka_settings) == 0
    assert terminal.json("dlq", "replay") == {"sentBack": 0, "unreadable": 0, "leftOut": 0}
    assert terminal.output("dlq", "list") == "no dead letters\n"
    (again,) = asyncio.run(_put_aside_again(kafka_settings, dsn))
    assert again.message.headers == poison.headers
    assert again.error != "fault 1"


async def _put_aside_again(kafka: KafkaSettings, dsn: str) -> list[WaitingLetter]:
    """What cannot be read comes back by itself, what can is handed out."""
    async with staged(kafka, dsn) as stage:
        feed = stage.feed()
        async with working(feed) as done:
            await until(lambda: len(done) == 1 and feed.figures.dead_letters == 1)
        return await stage.dead_letters()


def test_one_of_which_nothing_is_kept_is_named(kafka_settings: KafkaSettings, terminal: Terminal) -> None:
    asyncio.run(ensure_topic(kafka_settings))

    async def bare() -> None:
        letters = DeadLetters(kafka_settings, "tests-dead-letters")
        await letters.make_topic()
        await letters.send([DeadLetter(kafka_settings.topic, 3, 17, "spoilt", left_out="nothing is left")])
        await letters.close()

    asyncio.run(bare())
    done = terminal.type("dlq", "replay")
    assert done.returncode == 0
    assert "not sent back, because nothing of them is kept here: 1" in done.stdout
    assert f"{kafka_settings.topic}/3/17 is not sent back: nothing is left (spoilt)" in done.stderr
    assert asyncio.run(sent(kafka_settings)) == []


def test_what_the_topic_does_not_take_stays_and_is_told(kafka_settings: KafkaSettings, terminal: Terminal) -> None:
    asyncio.run(make_topic(kafka_settings, {"max.message.bytes": "1000"}))
    asyncio.run(put_aside(kafka_settings, [GOOD, GOOD._replace(value=b"L" * 2000), GOOD]))
    done = terminal.type("dlq", "replay")
    assert (done.returncode, done.stdout) == (1, "sent back: 1\n")
    assert "Kafka refused the next one" in done.stderr
    assert dead(kafka_settings) == 2


def test_status_counts_them_and_tells_the_lag_of_the_group(
    dsn: str, kafka_settings: KafkaSettings, terminal: Terminal
) -> None:
    asyncio.run(_submitted_and_handled(kafka_settings, dsn, handles=False))
    asyncio.run(put_aside(kafka_settings, [GOOD]))
    status = terminal.json("status")
    assert status["deadLetters"] == 1
    (issuer,) = (one for one in status["consumers"] if one["name"] == "issuer")
    assert (issuer["position"], issuer["head"], issuer["lag"], issuer["halted"]) == (0, 15, 15, None)
    asyncio.run(_submitted_and_handled(kafka_settings, dsn, handles=True))
    status = terminal.json("status")
    assert [(one["head"], one["lag"]) for one in status["consumers"] if one["name"] == "issuer"] == [(30, 0)]


async def _submitted_and_handled(kafka: KafkaSettings, dsn: str, *, handles: bool) -> None:
    async def nothing_waits() -> bool:
        return (await figures_of(kafka)).place.lag == 0

    async with staged(kafka, dsn) as stage:
        await stage.submit(5)
        if handles:
            async with working(stage.feed()):
                await until(nothing_waits)


def test_where_there_is_none_that_is_said(terminal: Terminal) -> None:
    assert terminal.json("dlq", "list") == []
    assert terminal.output("dlq", "replay") == "sent back: 0\n"
    without_kafka = Terminal({**terminal.settings, "KAFKA_BOOTSTRAP_SERVERS": ""})
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in without_kafka.refusal(2, "dlq", "replay")


def test_kafka_that_is_away_is_one_line_and_no_reason_not_to_tell_the_rest(dsn: str) -> None:
    nowhere = Terminal({**own_database(dsn), "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert "Kafka" in nowhere.refusal(2, "dlq", "list")
    status = nowhere.json("status")
    halted = {one["name"]: one["halted"] for one in status["consumers"]}
    assert "Kafka cannot be reached" in halted.pop("issuer")
    assert not any(halted.values())
