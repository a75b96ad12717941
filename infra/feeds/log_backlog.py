"""What the saga has still to pick up, read from the log itself: the read model may lag, most of all in a flood.

Waiting is what was submitted behind the position of the saga's feed. An order that was picked up and that its issuer
then lets wait, on a timer or for an answer, is not waiting here: a sick issuer makes no backlog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.event_store.arrays import TextArray
from infra.event_store.topics import SUBMISSIONS

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

STRETCH = 20_000
"""Positions that are counted in one look; what lies behind them is counted by the next."""

# Every stretch of the log is read twice, when it is stored and when it is passed, however long the backlog is between.
# By the database's clock alone: instances' clocks differ.
_LOOK = """
select feed.position, through.position,
    (select count(*) from stored_events e
        where e.notification_id > %(counted)s and e.notification_id <= through.position and e.topic = any(%(topics)s)),
    (select count(*) from stored_events e
        where e.notification_id > %(passed)s and e.notification_id <= least(feed.position, through.position)
            and e.topic = any(%(topics)s)),
    (select extract(epoch from clock_timestamp() - next.recorded_at)::float8
        from (select e.recorded_at, e.topic from stored_events e
            where e.notification_id > feed.position order by e.notification_id limit %(stretch)s) next
        where next.topic = any(%(topics)s) limit 1)
from (select coalesce((select position from consumer_positions where name = %(name)s), 0) as position) feed,
    (select least(coalesce(max(notification_id), 0), %(counted)s::bigint + %(stretch)s) as position
        from stored_events) through
"""

_PLACE = "select coalesce((select position from consumer_positions where name = %s), 0)"


class Backlog(NamedTuple):
    """`waiting`: submissions that are not picked up. `picked_up`: how many were, since the first look.

    `oldest_seconds`: how long ago the oldest of those that wait was stored; 0 where none does.
    """

    waiting: int
    picked_up: int
    oldest_seconds: float


class LooksAtBacklog(Protocol):
    async def look(self) -> Backlog:
        """Raises DatabaseUnavailable."""


class LogBacklog:
    """Counts on from look to look. `name`: the consumer whose backlog it is."""

    def __init__(self, reads: Reads, name: str = "issuer") -> None:
        self._reads = reads
        self._name = name
        self._topics = TextArray.of(sorted(SUBMISSIONS))
        self._counted: int | None = None
        self._passed = 0
        self._waiting = 0
        self._picked_up = 0

    async def look(self) -> Backlog:
        """Raises DatabaseUnavailable."""
        if self._counted is None:
            self._begin((await self._reads.rows(_PLACE, (self._name,)))[0][0])
        parameters = {
            "name": self._name,
            "counted": self._counted,
            "passed": self._passed,
            "topics": self._topics,
            "stretch": STRETCH,
        }
        feed, through, stored, picked_up, oldest = (await self._reads.rows(_LOOK, parameters))[0]
        if feed < self._passed:
            # A crash of the server took the position back, and what it had passed waits again.
            self._begin(feed)
            return await self.look()
        self._counted = max(through, self._counted or 0)
        self._passed = max(min(feed, through), self._passed)
        self._waiting += stored - picked_up
        self._picked_up += picked_up
        return Backlog(self._waiting, self._picked_up, max(oldest or 0.0, 0.0))

    def _begin(self, position: int) -> None:
        self._counted = self._passed = position
        self._waiting = 0
