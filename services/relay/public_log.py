"""The log as the relay reads it: the events that are public, in the order of their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.event_store.arrays import TextArray
from services.relay.integration_events import PUBLIC, LoggedEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.postgres.reads import Reads

# Contents of public events alone: a page holds every position, so that the relay passes what it does not send.
_PAGE = """
select notification_id, originator_id, originator_version, topic, case when topic = any(%(public)s) then state end
from stored_events where notification_id > %(after)s order by notification_id limit %(limit)s
"""


class Page(NamedTuple):
    """A stretch of the log up to `through`, `positions` long, 0 at the log's end."""

    through: int
    positions: int
    events: Sequence[LoggedEvent]


class PublicLog:
    """Reads the page that follows a position."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._public = TextArray.of(list(PUBLIC))

    async def page(self, after: int, limit: int) -> Page:
        """The next `limit` positions at most. Raises DatabaseUnavailable."""
        rows = await self._reads.rows(_PAGE, {"after": after, "limit": limit, "public": self._public})
        events = [LoggedEvent(*row) for row in rows if row[4] is not None]
        return Page(rows[-1][0] if rows else after, len(rows), events)
