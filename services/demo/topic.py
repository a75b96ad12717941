"""What the other teams hear in the walk-through: read back from the Kafka topic by a consumer, a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from services.demo.surprise import Surprise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from infra.kafka.settings import KafkaSettings

_SECONDS: Final = 15.0
_LONGEST_LINE: Final = 2**20


class Heard(NamedTuple):
    """A message of an order. `kind`: the end of its `ce_type`; `sequence`: the order's version."""

    sequence: int
    ce_type: str
    status: str
    partition: int
    offset: int

    @property
    def kind(self) -> str:
        return self.ce_type.removeprefix("ota.cm.order.").removesuffix(".v1")


class Topic:
    """What the consumer has printed so far, by order, repeats dropped as the contract says."""

    def __init__(self) -> None:
        self._heard: defaultdict[str, list[Heard]] = defaultdict(list)
        self._more = asyncio.Condition()

    async def heard(self, order_id: str, messages: int) -> list[Heard]:
        """All of the order, once there are so many. Raises Surprise where they do not come."""
        try:
            async with asyncio.timeout(_SECONDS), self._more:
                await self._more.wait_for(lambda: len(self._heard[order_id]) >= messages)
        except TimeoutError:
            came = [one.kind for one in self._heard[order_id]]
            raise Surprise("the topic", f"{messages} messages within {_SECONDS:g} s", came) from None
        return self._heard[order_id]

    async def follow(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            message = json.loads(line)
            headers, value = message["headers"], json.loads(message["value"])
            one = Heard(
                int(headers["ce_sequence"]),
                headers["ce_type"],
                value["status"],
                message["partition"],
                message["offset"],
            )
            known = self._heard[headers["ce_subject"]]
            if not known or one.sequence > known[-1].sequence:
                known.append(one)
            async with self._more:
                self._more.notify_all()


def message_rows(messages: Iterable[Heard]) -> list[tuple[str, ...]]:
    """A row a message: the order's version, what happened, its status then, and where it lies on the topic."""
    return [
        (str(one.sequence), one.ce_type, one.status, f"partition {one.partition}, offset {one.offset}")
        for one in messages
    ]


@asynccontextmanager
async def consumed(kafka: KafkaSettings, log: Path) -> AsyncIterator[Topic]:
    """The topic, which is there, read from its beginning on. What the consumer complains of is in `log`."""
    with log.open("wb") as complaints:
        consumer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.demo.plain_consumer"),
            *(",".join(kafka.bootstrap_servers), kafka.topic),
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            limit=_LONGEST_LINE,
            start_new_session=True,  # Ctrl-C is the walk-through's: it ends all of it in order
        )
    assert consumer.stdout is not None  # noqa: S101 - a pipe
    topic = Topic()
    following = asyncio.create_task(topic.follow(consumer.stdout))
    try:
        yield topic
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        if consumer.returncode is None:
            consumer.terminate()
        await consumer.wait()


async def remove_topics(kafka: KafkaSettings) -> None:
    """What the walk-through has left on the broker. (The offsets of its group go by themselves.)"""
    from aiokafka.admin import AIOKafkaAdminClient  # its import takes a while

    admin = AIOKafkaAdminClient(bootstrap_servers=list(kafka.bootstrap_servers))
    await admin.start()
    try:
        await admin.delete_topics([kafka.topic, kafka.dead_letter_topic])
    finally:
        await admin.close()
