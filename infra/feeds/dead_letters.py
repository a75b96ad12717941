"""Messages that we cannot read, on a topic of their own: `<topic>.dlq`, one partition, made at the start.

A dead letter is the message as it came, with `error` and where it stood in headers of our own. What was sent back is
known by the offset that a consumer group of its own has committed there: what lies behind it still waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from infra.kafka.errors import KafkaRefused
from infra.kafka.producer import Message, TopicProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic

ERROR: Final = "error"
ORIGIN: Final = "dlq_origin"
"""topic/partition/offset"""
LEFT_OUT: Final = "dlq_left_out"
"""Why the message's own content is not here: it cannot be sent back."""
OWN_HEADERS: Final = frozenset({ERROR, ORIGIN, LEFT_OUT})

SECONDS: Final = 10.0


class DeadLetter(NamedTuple):
    """A message that cannot be read, and why. `left_out`: where there is nothing of it to be had."""

    topic: str
    partition: int
    offset: int
    error: str
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    left_out: str = ""

    @property
    def origin(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class DeadLetters:
    """Sends to the dead-letter topic of the settings."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._producer = TopicProducer(settings, client_id, topic=settings.dead_letter_topic)

    async def make_topic(self) -> None:
        """Raises KafkaUnavailable, KafkaRefused."""
        await ensure_topic(self._settings, name=self._settings.dead_letter_topic, partitions=1)

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when Kafka has them all. Raises KafkaUnavailable, KafkaRefused: some may have arrived, send again."""
        try:
            await self._producer.publish([_message(letter) for letter in letters], SECONDS)
        except KafkaRefused as refused:
            if refused.reason == "topic_gone":
                await self.make_topic()
            if refused.reason != "too_large":
                raise
            # Our headers made it larger than what its own topic took. It can still be read there.
            for letter in letters:
                await self._one(letter)

    async def close(self) -> None:
        await self._producer.close()

    async def _one(self, letter: DeadLetter) -> None:
        try:
            await self._producer.publish([_message(letter)], SECONDS)
        except KafkaRefused as refused:
            if refused.reason != "too_large":
                raise
            bare = letter._replace(key=None, value=None, headers=(), left_out=str(refused))
            await self._producer.publish([_message(bare)], SECONDS)


def _message(letter: DeadLetter) -> Message:
    own = [(ERROR, letter.error), (ORIGIN, letter.origin), (LEFT_OUT, letter.left_out)]
    theirs = [(name, content or b"") for name, content in letter.headers if name not in OWN_HEADERS]
    return Message(letter.key, letter.value, [*theirs, *((name, text.encode()) for name, text in own if text)])
