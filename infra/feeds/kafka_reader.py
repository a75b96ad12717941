"""Reads the messages of the partitions that a member of the group has, and keeps account of how far it has read."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException

from infra.feeds.dead_letters import DeadLetter
from infra.feeds.kafka_figures import FeedFigures
from infra.feeds.kafka_signals import Unreadable, position_of, signal_of
from infra.feeds.signals import MAX_SIGNALS, OrderSignal
from infra.kafka.errors import KafkaUnavailable

READ_AT_ONCE: Final = 2_000
"""Messages, of which an order has about four."""
_SINGLY_SECONDS: Final = 5.0
_SINGLY_PAUSE: Final = 0.02

# What reading a record raises when its bytes are no record, or not one that the library can decode.
_SPOILT: Final = (UnicodeDecodeError, CorruptRecordException)


class Spoilt(Exception):
    """A record's bytes cannot be read, and where it stands is not told: have a new member read `singly`."""


class Found(NamedTuple):
    """`signals`: in the order of the log. `letters`: what cannot be read."""

    signals: tuple[OrderSignal, ...]
    letters: list[DeadLetter]


class TopicReader:
    """`uncommitted`: of each partition, behind all that was read and not committed. `positions`: how far in the log
    that is; 0: not told. `singly`: a record at a time at first.
    """

    def __init__(self, consumer: Any, submitted: bytes, figures: FeedFigures, *, singly: bool) -> None:  # noqa: ANN401 - the library is untyped
        self._consumer = consumer
        self._submitted = submitted
        self._figures = figures
        self._singly_until = time.monotonic() + _SINGLY_SECONDS if singly else 0.0
        self._dealt = 0
        self._signals: list[OrderSignal] = []
        self._letters: list[DeadLetter] = []
        self.uncommitted: dict[TopicPartition, int] = {}
        self.positions: dict[int, int] = {}

    @property
    def has_found(self) -> bool:
        """Whether the read under way, or the last one, found anything."""
        return bool(self._signals or self._letters)

    def begin_anew(self) -> None:
        """Partitions were dealt out: each is read from what is committed."""
        self._dealt += 1
        self.uncommitted.clear()
        self.positions.clear()

    async def read(self, seconds: float) -> Found:
        """What is there, up to a full batch of signals; waits `seconds` where nothing is. Raises KafkaError, Spoilt."""
        self._signals, self._letters = [], []
        if time.monotonic() < self._singly_until:
            await self._read_singly()
        else:
            await self._read_together(seconds)
        self._signals.sort(key=_by_position)
        return Found(tuple(self._signals), self._letters)

    async def _read_together(self, seconds: float) -> None:
        wait_ms = int(seconds * 1000)
        read = 0
        while len(self._signals) < MAX_SIGNALS and read < READ_AT_ONCE:
            try:
                found = await self._consumer.getmany(timeout_ms=wait_ms, max_records=MAX_SIGNALS - len(self._signals))
            except _SPOILT as error:
                raise Spoilt from error
            if not found:
                return
            for partition, records in found.items():
                self._sort(partition, records)
                read += len(records)
            # Without a wait nothing can come between: partitions cannot go before what was read of them is in hand.
            wait_ms = 0

    async def _read_singly(self) -> None:
        """One record of a partition at a time, up to the one that cannot be read, and past it."""
        dealt = self._dealt
        for partition in self._consumer.assignment():
            while len(self._signals) + len(self._letters) < MAX_SIGNALS:
                try:
                    found = await self._consumer.getmany(partition, max_records=1)
                except _SPOILT as error:
                    offset = await self._consumer.position(partition)
                    self._still_ours(dealt)
                    self._consumer.seek(partition, offset + 1)
                    self.uncommitted[partition] = offset + 1
                    why = f"its bytes cannot be read ({type(error).__name__}: {error})"
                    where = (partition.topic, partition.partition, offset)
                    self._letters.append(DeadLetter(*where, error=why, left_out="it cannot be read from its own topic"))
                    return
                self._still_ours(dealt)
                if not found:
                    break
                self._sort(partition, found[partition])
        if not self.has_found:
            await asyncio.sleep(_SINGLY_PAUSE)

    def _still_ours(self, dealt: int) -> None:
        if dealt != self._dealt:
            raise KafkaUnavailable("the partitions were dealt out anew meanwhile")

    def _sort(self, partition: TopicPartition, records: list[Any]) -> None:
        highest = self.positions.get(partition.partition, 0)
        for record in records:
            try:
                signal = signal_of(record.headers, self._submitted)
            except Unreadable as why:
                where = (partition.topic, partition.partition, record.offset)
                self._letters.append(DeadLetter(*where, str(why), record.key, record.value, record.headers))
                continue
            if signal is not None:
                self._signals.append(signal)
                highest = max(highest, signal.position)
        self.uncommitted[partition] = records[-1].offset + 1
        self.positions[partition.partition] = max(highest, position_of(records[-1].headers))
        self._figures.messages += len(records)


def _by_position(signal: OrderSignal) -> int:
    return signal.position
