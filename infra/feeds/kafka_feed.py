"""The saga's feed over a Kafka consumer group: for as many processes as there are partitions, each with its share.

If a process dies with a batch in hand, its offsets still stand before it: whoever is given the partitions is handed it
again. With Kafka away nothing is handed out; it goes on by itself once Kafka is back.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from infra.feeds.dead_letters import DeadLetters
from infra.feeds.group_progress import GroupProgress
from infra.feeds.kafka_figures import FeedFigures
from infra.feeds.kafka_member import DRAIN_SECONDS, LONGEST_BATCH_SECONDS, Member, Taken
from infra.feeds.kafka_progress import KafkaProgress
from infra.feeds.kafka_reader import Spoilt
from infra.feeds.signals import Batch, FeedLost
from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.topic import ensure_topic
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from infra.kafka.settings import KafkaSettings
    from infra.postgres.connections import Pool

CONSUMER: Final = "issuer"

POLL_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 1.0
TOPIC_SECONDS: Final = 10.0
WAITS: Final = (0.2, 0.5, 1.0, 2.0)
REFUSED_WAIT: Final = 5.0
_LEAVING_SECONDS: Final = 5.0

_log = structlog.get_logger()


@dataclass(frozen=True, eq=False, slots=True)
class _Cursor:
    member: Member
    taken: Taken


class KafkaFeed:
    """`submitted`: the `ce_type` of messages that say that an order waits. `member_name`: None where no name of this
    process is sure to be its own, at this start and the next. `longest_wait`: seconds that a batch may lie in hand
    before it is begun.
    """

    exclusive = False

    def __init__(
        self,
        settings: KafkaSettings,
        pool: Pool,
        submitted: str,
        *,
        client_id: str,
        member_name: str | None = None,
        longest_wait: float = 0.0,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self.figures = FeedFigures()
        self._settings = settings
        self._submitted = submitted.encode()
        self._client_id = client_id
        self._member_name = member_name
        self._longest_batch = LONGEST_BATCH_SECONDS + longest_wait
        self._drain_seconds = drain_seconds
        self._told = GroupProgress(pool, CONSUMER)
        self._progress = KafkaProgress(self._told)
        self._dead_letters: DeadLetters | None = None
        self._member: Member | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None
        self._singly = False
        self._halted: str | None = "not joined yet"
        self._hand: Batch | None = None

    @property
    def moved_at(self) -> float:
        return self._progress.moved_at(has_hand=self._hand is not None)

    async def start(self) -> None:
        """Needs no Kafka: the group is joined by who asks for a batch."""
        self._progress.begin()
        if self._following is None:
            self._following = asyncio.create_task(self._progress.follow(lambda: self._member), name="kafka_progress")

    async def stop(self) -> None:
        """Leave the group, so that others get the partitions at once."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None
        self._hand = None
        self._part(for_good=True)
        if self._leaving:
            await asyncio.wait(self._leaving)
        if self._dead_letters is not None:
            await self._dead_letters.close()
            self._dead_letters = None

    async def next_batch(self) -> Batch:
        """Wait for signals; the batch in hand again until it is committed, or its partitions have gone."""
        faults = 0
        while self._following is not None:
            if self._hand is not None and self._is_ours(self._hand):
                return self._hand
            self._hand = None
            try:
                taken = await self._take()
            except KafkaUnavailable as error:
                self._part()
                _log.warning("feed_waits_for_kafka", error=str(error))
                await asyncio.sleep(WAITS[min(faults, len(WAITS) - 1)])
                faults += 1
            except KafkaRefused as refused:
                self._part()
                await self._halt(refused)
                await asyncio.sleep(REFUSED_WAIT)
            except FeedLost:
                self._part()
            except Spoilt as spoilt:
                _log.error("kafka_record_spoilt", error=repr(spoilt.__cause__))
                self._singly = True
                self._part()
            except BaseException:
                self._part(for_good=True)  # what it had read is nowhere in hand
                raise
            else:
                faults = 0
                self._hand = taken
        stopped: asyncio.Future[Batch] = asyncio.get_running_loop().create_future()
        return await stopped

    async def commit(self, batch: Batch) -> None:
        """The batch's effects are durable. Raises FeedLost where its partitions have gone, or Kafka has."""
        cursor = batch.cursor
        if batch is not self._hand or not isinstance(cursor, _Cursor):
            raise FeedLost
        self._hand = None
        try:
            await cursor.member.commit(cursor.taken)
        except FeedLost:
            self.figures.lost += 1
            if cursor.member is self._member and cursor.member.generation == cursor.taken.generation:
                self._part()  # where it stands is not known: a new member begins at what is committed
            raise
        finally:
            cursor.member.put_down()
        self._progress.finished(cursor.taken, cursor.member.partitions)

    def passed(self, order_id: UUID, position: int) -> bool:
        """Whether this order's signal at this position was handed out and committed; False where others would know."""
        return self._progress.passed(order_id, position)

    def _is_ours(self, batch: Batch) -> bool:
        cursor = batch.cursor
        assert isinstance(cursor, _Cursor)  # noqa: S101 - handed out by us
        return cursor.member is self._member and cursor.member.generation == cursor.taken.generation

    async def _take(self) -> Batch | None:
        """Raises KafkaUnavailable, KafkaRefused, FeedLost, Spoilt."""
        if self._member is None:
            await self._join()
        member = self._member
        assert member is not None  # noqa: S101 - joined
        if self._halted is not None:
            await self._tell(None)
        taken = await member.take(POLL_SECONDS)
        if taken.letters:
            await self._bury(member, taken)
        if taken.signals:
            return Batch(taken.signals, _Cursor(member, taken))
        if taken.letters:
            try:
                await member.commit(taken)
            finally:
                member.put_down()
            self._progress.finished(taken, member.partitions)
        else:
            await member.commit_read(QUIET_SECONDS)
        return None

    async def _bury(self, member: Member, taken: Taken) -> None:
        """Send what cannot be read to the dead-letter topic, before it is passed by."""
        if self._dead_letters is None:
            self._dead_letters = DeadLetters(self._settings, f"{self._client_id}-dead-letters")
        while member.generation == taken.generation:
            try:
                await self._dead_letters.send(taken.letters)
            except (KafkaUnavailable, KafkaRefused) as error:
                _log.error("dead_letters_not_sent", letters=len(taken.letters), error=str(error))
                await asyncio.sleep(WAITS[-1])
                continue
            self.figures.dead_letters += len(taken.letters)
            for letter in taken.letters:
                _log.error("dead_letter", origin=letter.origin, error=letter.error)
            return

    async def _join(self) -> None:
        if self._leaving:
            # The old one first, where it is quick: else the group is dealt out once more.
            await asyncio.wait(self._leaving, timeout=_LEAVING_SECONDS)
        await self._ready_topics()
        member = Member(
            self._settings,
            self._client_id,
            self._submitted,
            self.figures,
            name=self._member_name,
            drain_seconds=self._drain_seconds,
            longest_batch=self._longest_batch,
            singly=self._singly,
        )
        try:
            await member.join()
        except BaseException:
            self._leave(member)
            raise
        self._member, self._singly = member, False
        _log.info("kafka_group_joined", group=self._settings.group, name=self._member_name)

    async def _ready_topics(self) -> None:
        await ensure_topic(self._settings, seconds=TOPIC_SECONDS)
        if self._dead_letters is None:
            self._dead_letters = DeadLetters(self._settings, f"{self._client_id}-dead-letters")
        try:
            await self._dead_letters.make_topic()
        except KafkaRefused as refused:
            # It is needed only once there is a letter; until then it keeps nobody from working.
            _log.error("dead_letter_topic_not_ready", error=str(refused))

    def _part(self, *, for_good: bool = False) -> None:
        """From the member, if there is one: it is of no further use."""
        if self._member is not None:
            member, self._member = self._member, None
            self._leave(member, for_good=for_good)

    def _leave(self, member: Member, *, for_good: bool = False) -> None:
        task = asyncio.create_task(member.leave(for_good=for_good), name="kafka_member_leaves")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _halt(self, refused: KafkaRefused) -> None:
        if self._halted != str(refused):
            _log.error("feed_halted", reason=refused.reason, error=str(refused))
            await self._tell(str(refused))

    async def _tell(self, halted: str | None) -> None:
        with suppress(DatabaseUnavailable):
            await self._told.tell(halted)
            self._halted = halted
