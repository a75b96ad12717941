"""The dead letters that wait, for the operator who looks at them and sends them back.

Without joining a group: it is read up to the end that it has at first, and what was sent back is noted in the offsets
of a group that nobody is a member of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.feeds.dead_letters import ERROR, LEFT_OUT, ORIGIN, OWN_HEADERS
from infra.feeds.kafka_signals import header
from infra.kafka.connection import REQUEST_MS, client_options, keep_connections, why_unreachable
from infra.kafka.errors import translated
from infra.kafka.producer import Message
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import find_topic

PAGE: Final = 100
_POLL_MS: Final = 500
_CLIENT: Final = "ota-cm-dead-letters"


class WaitingLetter(NamedTuple):
    """`message`: as it came. `left_out`: why there is nothing of it; "": there is. `at`: when it was put here."""

    partition: int
    offset: int
    at: datetime
    origin: str
    error: str
    left_out: str
    message: Message


class DeadLetterBox:
    """Read by one at a time. See `open_box`."""

    def __init__(self, consumer: Any, topic: str, ends: Mapping[TopicPartition, int]) -> None:  # noqa: ANN401 - the library is untyped
        self._consumer = consumer
        self._topic = topic
        self._ends = ends

    async def pages(self) -> AsyncIterator[Sequence[WaitingLetter]]:
        """All that wait, in the order of the topic. Raises KafkaUnavailable, KafkaRefused."""
        try:
            while any([await self._consumer.position(one) < end for one, end in self._ends.items()]):
                found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=PAGE)
                for partition, records in found.items():
                    page = [_letter(record) for record in records if record.offset < self._ends[partition]]
                    if page:
                        yield page
        except KafkaError as error:
            raise translated(error) from error

    async def sent_back(self, letters: Sequence[WaitingLetter]) -> None:
        """These, and all before them in their partitions, wait no more. Raises KafkaUnavailable, KafkaRefused."""
        offsets = {TopicPartition(self._topic, one.partition): one.offset + 1 for one in letters}
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:
            raise translated(error) from error


@asynccontextmanager
async def open_box(settings: KafkaSettings) -> AsyncIterator[DeadLetterBox]:
    """Empty where the topic was never made. Raises KafkaUnavailable, KafkaRefused."""
    topic = settings.dead_letter_topic
    found = await find_topic(settings, name=topic)
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings, _CLIENT),
        group_id=settings.dead_letter_group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=REQUEST_MS,
    )
    keep_connections(consumer._client)
    try:
        try:
            await consumer.start()
            partitions = [TopicPartition(topic, number) for number in range(found.partitions if found else 0)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions) if partitions else {}
        except KafkaConnectionError as error:
            raise await why_unreachable(settings, error) from error
        except KafkaError as error:
            raise translated(error) from error
        yield DeadLetterBox(consumer, topic, ends)
    finally:
        await consumer.stop()


def _letter(record: Any) -> WaitingLetter:  # noqa: ANN401 - the library is untyped
    headers = [(name, content or b"") for name, content in record.headers]
    own = {name: (header(headers, name) or b"").decode(errors="replace") for name in OWN_HEADERS}
    theirs = [(name, content) for name, content in headers if name not in OWN_HEADERS]
    return WaitingLetter(
        record.partition,
        record.offset,
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
        own[ORIGIN],
        own[ERROR],
        own[LEFT_OUT],
        Message(record.key, record.value, theirs),
    )
