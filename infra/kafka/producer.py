"""Sends pages of messages to the topic, and returns when every one is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from infra.kafka.connection import REQUEST_MS, client_options, keep_connections, why_unreachable
from infra.kafka.errors import KafkaRefused, KafkaUnavailable, translated
from infra.kafka.partitions import partition_of
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import find_topic

# Of one partition's part of a page; a topic takes 1 MiB by default.
_BATCH_BYTES: Final = 256 * 1024
_LOOK_SECONDS: Final = 3.0
_END_SECONDS: Final = 2 * REQUEST_MS / 1000


class Message(NamedTuple):
    """`key`: decides the partition, within which the order is kept; `headers`: name and value. None: Kafka's null."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class TopicProducer:
    """An idempotent producer, acknowledged by all replicas in sync. One page at a time; of one event loop.

    The broker drops what the same producer sends twice, and keeps its order, also over broken connections. After any
    fault the producer behind this begins anew, since the old one cannot go on past a gap in its numbers: then messages
    of the page may occur twice, never out of order.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, *, topic: str | None = None) -> None:
        self._settings = settings
        self._client_id = client_id
        self._topic = topic or settings.topic
        self._producer: Any = None
        self._ending: set[asyncio.Task[None]] = set()

    async def publish(self, page: Sequence[Message], seconds: float) -> None:
        """Send the page and wait for every acknowledgement, `seconds` at most, and 3 s more to find out why not.

        Raises KafkaUnavailable (passes) or KafkaRefused (does not). Some of it may have arrived then: send the whole
        page again before anything that comes after it. Nothing of it is sent any more after this has returned, except
        a request that is already on its way.
        """
        try:
            deadline = time.monotonic() + seconds
            try:
                await self._send(page, deadline, one_by_one=False)
            except MessageSizeTooLargeError:
                # Perhaps only together: the broker's limit is for a batch.
                self._abandon()
                await self._send(page, deadline, one_by_one=True)
                self._abandon()
        except BaseException as error:
            self._abandon()
            if isinstance(error, (KafkaError, OSError, TimeoutError)):
                raise await self._explained(error, seconds) from error
            raise

    async def close(self) -> None:
        """Leave. Whatever was published is acknowledged, so nothing is waited for but the connections."""
        self._abandon()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _send(self, page: Sequence[Message], deadline: float, *, one_by_one: bool) -> None:
        async with asyncio.timeout(deadline - time.monotonic()):
            if self._producer is None:
                self._producer = await self._started()
            partitions = len(await self._producer.partitions_for(self._topic))
            if self._topic == self._settings.topic and partitions < self._settings.partitions:
                raise _too_few(self._topic, partitions, self._settings.partitions)
            parts: defaultdict[int, list[Message]] = defaultdict(list)
            for message in page:
                parts[partition_of(message.key or b"", partitions)].append(message)
            sent = await asyncio.gather(
                *(self._send_part(partition, part, one_by_one=one_by_one) for partition, part in parts.items()),
                return_exceptions=True,
            )
        faults = [fault for fault in sent if fault is not None]
        if faults:
            # What does not pass is what must be told.
            raise next((fault for fault in faults if isinstance(translated(fault), KafkaRefused)), faults[0])

    async def _send_part(self, partition: int, part: Sequence[Message], *, one_by_one: bool) -> None:
        """One batch after the other: what came after one that was refused would be past it for good."""
        sent = 0
        while sent < len(part):
            batch = self._producer.create_batch()
            count = _fill(batch, part[sent : sent + 1] if one_by_one else part[sent:])
            try:
                await (await self._producer.send_batch(batch, self._topic, partition=partition))
            except MessageSizeTooLargeError as error:
                if one_by_one:
                    raise _too_large(part[sent], self._topic) from error
                raise
            sent += count

    async def _started(self) -> Any:  # noqa: ANN401 - the library is untyped
        producer = AIOKafkaProducer(
            **client_options(self._settings, self._client_id),
            request_timeout_ms=REQUEST_MS,
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
        )
        keep_connections(producer.client)
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise await why_unreachable(self._settings, error) from error
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _explained(self, error: Exception, seconds: float) -> KafkaUnavailable | KafkaRefused:
        """The library tries again for ever when a topic is gone, and tells nothing: look ourselves."""
        if not isinstance(error, (TimeoutError, UnknownTopicOrPartitionError)):
            return translated(error)
        try:
            topic = await find_topic(self._settings, name=self._topic, seconds=_LOOK_SECONDS)
        except (KafkaUnavailable, KafkaRefused) as fault:
            return fault
        if topic is None:
            return KafkaRefused("topic_gone", f"the topic {self._topic} is gone: make it again, or restart the service")
        if self._topic == self._settings.topic and topic.partitions < self._settings.partitions:
            return _too_few(self._topic, topic.partitions, self._settings.partitions)
        return KafkaUnavailable(f"Kafka answers, but did not acknowledge a page within {seconds:g} s")

    def _abandon(self) -> None:
        """End the producer in the background; the next page begins with another."""
        if self._producer is not None:
            task = asyncio.create_task(_end(self._producer))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            self._producer = None


def _fill(batch: Any, messages: Sequence[Message]) -> int:  # noqa: ANN401 - the library is untyped
    """Put messages into the batch until it is full, at least one; how many."""
    for count, (key, value, headers) in enumerate(messages):
        # Without a time of its own: retention counts from when it is sent, however old the event is.
        if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            return count
    return len(messages)


def _too_few(topic: str, partitions: int, wanted: int) -> KafkaRefused:
    """Somebody made the topic again, in another way."""
    return KafkaRefused(
        "topic_unfit",
        f"the topic {topic} has {partitions} partitions now and should have {wanted}: make it again, or set "
        "OTA_CM_KAFKA_PARTITIONS",
    )


def _too_large(message: Message, topic: str) -> KafkaRefused:
    key, headers = message.key or b"", message.headers
    size = len(key) + len(message.value or b"") + sum(len(name) + len(content) for name, content in headers)
    return KafkaRefused(
        "too_large",
        f"the message with key {key.decode(errors='replace')} ({size} bytes) is larger than what the topic "
        f"{topic} takes: raise its max.message.bytes",
    )


async def _end(producer: Any) -> None:  # noqa: ANN401 - the library is untyped
    """End it without sending what it still holds: its own `stop` waits, without an end, until all of it is sent.

    There is no public way. The sender is told to end, for which it waits for the request on its way; nobody waits any
    more for what was not sent, and it goes with the producer.
    """
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
        await asyncio.wait({sender}, timeout=_END_SECONDS)
    producer._closed = True  # as `stop` has it, or its deletion warns
    await producer.client.close()
