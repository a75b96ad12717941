"""An eye on the issuers' offsets while a round goes on: none is ever committed past an order that is not picked up.

What a crash would lose at that moment is seen also where a later repair hides it: the sweeper takes such orders up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import psycopg
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.kafka.connection import client_options
from infra.kafka.settings import KafkaSettings
from services.relay.integration_events import SUBMITTED
from tests.chaos.heard import Heard, Placed
from tests.chaos.looking import Looking

EVERY_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 3.0

_UNDONE: Final = """
    select submitted.id::text, submitted.version
    from unnest(%s::uuid[], %s::bigint[]) as submitted(id, version)
    where not exists (
        select from stored_events later
        where later.originator_id = submitted.id and later.originator_version > submitted.version
            and later.topic = 'order.scheduled.v1'
    )
"""


class OffsetsWatch(Looking):
    """Looks whenever Kafka and the database answer."""

    counted = "offsets looked at"
    away = (KafkaError, psycopg.Error, TimeoutError, OSError)

    def __init__(self, dsn: str, kafka: KafkaSettings, heard: Heard) -> None:
        super().__init__(dsn)
        self._kafka = kafka
        self._heard = Heard(heard.lines)
        self._waiting: list[Placed] = []
        self._seen: dict[tuple[str, int], str] = {}

    def _found(self) -> list[str]:
        return list(self._seen.values())

    def look(self, committed: Mapping[int, int], connection: psycopg.Connection) -> None:
        """Look at the submissions that the group has passed since the last look. `committed`: asked before this."""
        self._waiting += [placed for placed in self._heard.more() if placed.record.headers["ce_type"] == SUBMITTED]
        passed = [placed for placed in self._waiting if placed.offset < committed.get(placed.partition, 0)]
        self._waiting = [placed for placed in self._waiting if placed.offset >= committed.get(placed.partition, 0)]
        if passed:
            ids = [placed.record.key for placed in passed]
            versions = [placed.record.sequence for placed in passed]
            for order, version in connection.execute(_UNDONE, (ids, versions)).fetchall():
                self._seen[order, version] = f"committed past {order} at version {version}, which nobody has picked up"
        self.looks += len(passed)

    def _follow(self) -> None:
        asyncio.run(self._follow_both())

    async def _follow_both(self) -> None:
        admin = AIOKafkaAdminClient(**client_options(self._kafka, "tests-offsets"), request_timeout_ms=3000)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await admin.start()
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=3) as connection:
                while not await asyncio.to_thread(self._stop.wait, EVERY_SECONDS):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        offsets = await admin.list_consumer_group_offsets(self._kafka.group)
                    self.look(_by_partition(offsets, self._kafka.topic), connection)
        finally:
            await admin.close()


def _by_partition(offsets: Mapping[TopicPartition, object], topic: str) -> dict[int, int]:
    of: Callable[[object], int] = lambda found: int(found.offset)  # type: ignore[attr-defined]  # noqa: E731
    return {at.partition: of(found) for at, found in offsets.items() if at.topic == topic}
