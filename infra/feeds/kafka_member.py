"""One membership in the consumer group: partitions dealt out and taken away, messages read, offsets committed.

Of aiokafka's classic protocol. At a rebalance all partitions go and come anew; what is in hand then is finished and
committed first, for as long as the group waits. After a fault a member is of no further use: leave, and make another.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaError

from infra.feeds.dead_letters import DeadLetter
from infra.feeds.kafka_figures import FeedFigures
from infra.feeds.kafka_reader import TopicReader
from infra.feeds.signals import FeedLost, OrderSignal
from infra.kafka.connection import REQUEST_MS, client_options, keep_connections, why_unreachable
from infra.kafka.errors import translated
from infra.kafka.group_figures import end_offsets
from infra.kafka.settings import KafkaSettings

HEARTBEAT_MS: Final = 500
DRAIN_SECONDS: Final = 5.0
"""How long a batch in hand may keep the partitions. The group waits thrice that."""
_REBALANCE_MS: Final = 15_000
_SESSION_MS: Final = 6_000
"""The least that brokers allow by default: partitions of a member that died rest for so long."""
_STATIC_SESSION_MS: Final = 10_000
"""One with a name comes back under it, and has the time of a restart to do so before others get its partitions."""
LONGEST_BATCH_SECONDS: Final = 300.0
_METADATA_MS: Final = 15_000
"""A topic that was made again, or has more partitions, is noticed within that."""

_FETCH_BYTES: Final = 4 * 1024 * 1024
_COMMIT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
_NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")

_log = structlog.get_logger()


class Taken(NamedTuple):
    """What was read: signals, and what cannot be read. `offsets`: behind all that was read and is not committed.

    `positions`: of each partition, how far in the log that is; 0: not told. `generation`: of the dealing out.
    """

    generation: int
    signals: tuple[OrderSignal, ...]
    letters: list[DeadLetter]
    offsets: Mapping[TopicPartition, int]
    positions: Mapping[int, int]


class Member(ConsumerRebalanceListener):  # type: ignore[misc] # the library is untyped
    """`name`: of a member that comes back under it, at once; None: a new one each time. `submitted`: the `ce_type` that
    makes a signal. `longest_batch`: seconds after which the group gives up on a member that asks for nothing more.
    `singly`: a record at a time at first, to find the one that cannot be read, and to get past it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        client_id: str,
        submitted: bytes,
        figures: FeedFigures,
        *,
        name: str | None,
        drain_seconds: float = DRAIN_SECONDS,
        longest_batch: float = LONGEST_BATCH_SECONDS,
        singly: bool = False,
    ) -> None:
        self._settings = settings
        self._figures = figures
        self._drain_seconds = drain_seconds
        self._name = None if name is None else _NOT_OF_A_NAME.sub("-", name)[:200]
        self._consumer: Any = AIOKafkaConsumer(
            **client_options(settings, client_id),
            group_id=settings.group,
            group_instance_id=self._name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=REQUEST_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            session_timeout_ms=_SESSION_MS if name is None else _STATIC_SESSION_MS,
            rebalance_timeout_ms=_REBALANCE_MS,
            max_poll_interval_ms=int(longest_batch * 1000),
            metadata_max_age_ms=_METADATA_MS,
            fetch_max_bytes=_FETCH_BYTES,
        )
        keep_connections(self._consumer._client)
        self.generation = 0
        self._held: frozenset[TopicPartition] = frozenset()
        self._committed_at = time.monotonic()
        self._free = asyncio.Event()
        self._free.set()
        self._leaving = asyncio.Event()
        self._reader = TopicReader(self._consumer, submitted, figures, singly=singly)

    async def join(self) -> None:
        """Returns when partitions were dealt out. Raises KafkaUnavailable, KafkaRefused; then `leave` it."""
        self._consumer.subscribe([self._settings.topic], listener=self)
        try:
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise await why_unreachable(self._settings, error) from error
        except KafkaError as error:
            raise translated(error) from error

    async def leave(self, *, for_good: bool) -> None:
        """End the membership. `for_good`: others get the partitions at once; else one of the same name comes back.

        Not to be cancelled: the group would wait for a member that is gone.
        """
        self._leaving.set()
        if for_good and self._consumer._coordinator is not None:
            # The library has members with a name never leave. We keep nothing that would have to move with partitions.
            self._consumer._coordinator._group_instance_id = None
        with suppress(KafkaError):
            await self._consumer.stop()
        self._figures.partitions = 0

    @property
    def partitions(self) -> int:
        """How many the topic has; 0 where that is not known."""
        return len(self._consumer.partitions_for_topic(self._settings.topic) or ())

    async def take(self, seconds: float) -> Taken:
        """Read what is there, up to a full batch of signals; wait `seconds` where nothing is.

        What holds signals or letters is in hand until it is put down. Raises KafkaUnavailable, KafkaRefused, Spoilt.
        """
        try:
            found = await self._reader.read(seconds)
        except BaseException as error:
            # What was read by now is nowhere in hand: nothing behind it may be committed any more.
            if not isinstance(error, asyncio.CancelledError) or self._reader.has_found:
                self._leaving.set()
            if isinstance(error, KafkaError):
                raise translated(error) from error
            raise
        if found.signals or found.letters:
            self._free.clear()
            self._held = frozenset(self._reader.uncommitted)
        return Taken(
            self.generation,
            found.signals,
            found.letters,
            dict(self._reader.uncommitted),
            dict(self._reader.positions),
        )

    async def commit(self, taken: Taken) -> None:
        """What was taken is done with. Raises FeedLost where that cannot be said any more, and it will come again."""
        if taken.generation != self.generation or self._leaving.is_set():
            raise FeedLost
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await self._consumer.commit(dict(taken.offsets))
        except (KafkaError, TimeoutError) as error:
            _log.warning("kafka_offsets_not_committed", error=type(error).__name__)
            raise FeedLost from error
        if taken.generation == self.generation:
            for partition, offset in taken.offsets.items():
                if self._reader.uncommitted.get(partition) == offset:
                    del self._reader.uncommitted[partition]
        self._committed_at = time.monotonic()

    def put_down(self) -> None:
        """Nothing is in hand any more: partitions may go."""
        self._held = frozenset()
        self._free.set()

    async def commit_read(self, quiet_seconds: float) -> None:
        """Commit what was read and held no signal, if nothing was committed for so long. Raises FeedLost."""
        if self._reader.uncommitted and time.monotonic() - self._committed_at >= quiet_seconds:
            await self.commit(Taken(self.generation, (), [], dict(self._reader.uncommitted), {}))

    async def at_their_ends(self) -> Mapping[int, bool] | None:
        """Of each of our partitions, whether all that it holds was read and finished; None: nothing can be said.

        What was on the topic when this was asked is counted. Raises KafkaUnavailable, KafkaRefused.
        """
        generation, mine = self.generation, list(self._consumer.assignment())
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                client = self._consumer._client
                leaders = {one.partition: client.cluster.leader_for_partition(one) for one in mine}
                ends = await end_offsets(client, self._settings.topic, leaders)
                reached = {partition: await self._consumer.position(partition) for partition in mine}
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            raise translated(error) from error
        if generation != self.generation:
            return None
        return {one.partition: one not in self._held and reached[one] >= ends[one.partition] for one in mine}

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """The group is dealt out anew. Heartbeats go on meanwhile, and the group waits for us."""
        if not revoked:
            return
        waits = {asyncio.ensure_future(event.wait()) for event in (self._free, self._leaving)}
        try:
            await asyncio.wait(waits, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._free.is_set():
            with suppress(FeedLost):
                await self.commit_read(0.0)
        elif not self._leaving.is_set():
            _log.warning("kafka_batch_outlasts_rebalance", seconds=self._drain_seconds)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """From here on, what was in hand comes again if it was not committed: here, or at another member."""
        self.generation += 1
        self._reader.begin_anew()
        self.put_down()
        self._figures.rebalances += 1
        self._figures.partitions = len(assigned)
        _log.info("kafka_partitions_assigned", partitions=sorted(one.partition for one in assigned))
