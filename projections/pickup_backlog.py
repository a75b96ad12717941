"""What the saga has still to pick up where a feed has no single position in the log: by what the log says was done.

Each submission is followed by exactly one `order.scheduled.v1`, before anything else can befall the order; what was
submitted and not scheduled waits. Counted once from the read model, then on from the log: the read model may lag.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from infra.event_store.arrays import TextArray
from infra.event_store.topics import SUBMISSIONS
from infra.feeds.log_backlog import STRETCH, Backlog

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

PICKED_UP = "order.scheduled.v1"

SLICES = 20

# One snapshot: the table is the log folded up to that position. Of those that wait, how old each slice's oldest is.
_BEGIN = """
select coalesce((select position from consumer_positions where name = 'orders'), 0), waiting.count,
    array(select extract(epoch from clock_timestamp() - slice)::float8 from unnest(waiting.slices) as slice)
from (
    select count(*), percentile_disc(%s::float8[]) within group (order by due_at) as slices
    from orders where due_at is not null and status = 'Submitted'
) waiting
"""

_LOOK = """
select through.position,
    count(e.topic) filter (where e.topic = any(%(submissions)s)), count(e.topic) filter (where e.topic = %(picked_up)s),
    coalesce(extract(epoch from clock_timestamp() - max(e.recorded_at))::float8, 0)
from (select least(coalesce(max(notification_id), 0), %(after)s::bigint + %(stretch)s) as position
        from stored_events) through
left join stored_events e on e.notification_id > %(after)s and e.notification_id <= through.position
group by through.position
"""


class _Stored(NamedTuple):
    """By this moment, of the monotonic clock, so many submissions were in the log."""

    at: float
    submissions: int


class PickUpBacklog:
    """Counts on from look to look. `oldest_seconds` is exact where orders are picked up as they came, and as good as
    that between partitions: of a partition that rests, the sweeper takes the orders long before the limit.
    """

    def __init__(self, reads: Reads, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads = reads
        self._clock = clock
        self._topics = TextArray.of(sorted(SUBMISSIONS))
        self._through: int | None = None
        self._submitted = 0
        self._picked_up = 0
        self._stored: deque[_Stored] = deque()

    async def look(self) -> Backlog:
        """Raises DatabaseUnavailable."""
        if self._through is None:
            await self._begin()
        parameters = {
            "after": self._through,
            "stretch": STRETCH,
            "submissions": self._topics,
            "picked_up": PICKED_UP,
        }
        through, submitted, picked_up, seconds = (await self._reads.rows(_LOOK, parameters))[0]
        self._through = through
        self._picked_up += picked_up
        if submitted:
            # As old as the newest of the stretch; what was stored with it is hardly older.
            self._submitted += submitted
            self._stored.append(_Stored(self._clock() - seconds, self._submitted))
        while self._stored and self._stored[0].submissions <= self._picked_up:
            self._stored.popleft()
        waiting = max(self._submitted - self._picked_up, 0)
        oldest = max(self._clock() - self._stored[0].at, 0.0) if waiting else 0.0
        return Backlog(waiting, self._picked_up, oldest)

    async def _begin(self) -> None:
        shares = [slice_ / SLICES for slice_ in range(SLICES)]
        self._through, waiting, seconds = (await self._reads.rows(_BEGIN, (shares,)))[0]
        now = self._clock()
        for number, age in enumerate(seconds if waiting else (), 1):
            self._stored.append(_Stored(now - age, waiting * number // SLICES))
        self._submitted = waiting
