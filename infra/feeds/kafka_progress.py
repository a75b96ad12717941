"""How far this process and its group are: what the sweeper asks to know which orders nobody will bring any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID

from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.partitions import partition_of
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from infra.feeds.group_progress import GroupProgress
    from infra.feeds.kafka_member import Member, Taken

FOLLOW_SECONDS: Final = 1.0


class KafkaProgress:
    """Of the partitions that we have, or had: how far in the log they are handled. `told`: by and to the others."""

    def __init__(self, told: GroupProgress) -> None:
        self._told = told
        self._partitions = 0
        self._passed: dict[int, int] = {}
        self._moved_at = self._group_moved_at = time.monotonic()
        self._has_more = False
        self._handled = self._stored = 0
        self._group_handled: int | None = None

    def begin(self) -> None:
        self._moved_at = time.monotonic()

    def moved_at(self, *, has_hand: bool) -> float:
        """Where nothing is left for us to do, the others' moves count too: what they have before them is no standstill
        of ours, and none of our business."""
        if has_hand or self._has_more:
            return self._moved_at
        return max(self._moved_at, self._group_moved_at)

    def passed(self, order_id: UUID, position: int) -> bool:
        """Never a minimum over all partitions: one where nothing comes would hold up all others' orders."""
        if not self._partitions:
            return False
        return position <= self._passed.get(partition_of(str(order_id).encode(), self._partitions), 0)

    def finished(self, taken: Taken, partitions: int) -> None:
        """It is committed. `partitions`: of the topic."""
        self._partitions = partitions or self._partitions
        for partition, position in taken.positions.items():
            self._passed[partition] = max(position, self._passed.get(partition, 0))
        if taken.signals:
            self._handled = taken.signals[-1].position
            self._moved_at = time.monotonic()

    async def follow(self, member: Callable[[], Member | None]) -> None:
        """Each second, for ever: what the group does, and what has passed in partitions where nothing comes."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                if self._handled != self._stored:
                    await self._told.store(self._handled)
                    self._stored = self._handled
                progress = await self._told.look()
            except DatabaseUnavailable:
                continue
            if self._group_handled not in {None, progress.handled}:
                self._group_moved_at = time.monotonic()
            self._group_handled = progress.handled
            await self._pass_the_quiet(member, progress.relayed)

    async def _pass_the_quiet(self, member: Callable[[], Member | None], relayed: int) -> None:
        """All of the log up to `relayed` was on the topic before its ends were asked for."""
        asked = member()
        if asked is None:
            self._has_more = False
            return
        try:
            ends = await asked.at_their_ends()
        except (KafkaUnavailable, KafkaRefused):
            return
        if asked is not member() or ends is None:
            return
        self._partitions = asked.partitions
        for partition, is_at_its_end in ends.items():
            if is_at_its_end:
                self._passed[partition] = max(relayed, self._passed.get(partition, 0))
        self._has_more = not all(ends.values())
