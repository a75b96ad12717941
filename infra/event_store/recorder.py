"""The event store's recorder: asynchronous, on the tables and with the meanings of eventsourcing's own.

Writes go through the group commit, reads through a pool. The library's test cases run over this class.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from infra.event_store.append import Append, NewEvent
from infra.event_store.arrays import UuidArray
from infra.event_store.field_encryption import StreamKey
from infra.event_store.outcomes import Appended

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.event_store.group_commit import GroupCommit
    from infra.postgres.reads import Reads

_EVENT = "originator_id, originator_version, topic, state"

_STREAMS = """
select originator_id, notification_id, originator_version, topic, state, recorded_at
from stored_events where originator_id = any(%s) order by originator_id, originator_version
"""

_KEYS = "select originator_id, master_key_id, wrapped_key from stream_keys where originator_id = any(%s)"

_PAGE = """
select originator_id, notification_id, originator_version, topic, state, recorded_at
from stored_events where notification_id > %s order by notification_id limit %s
"""

_SETUP_PAGE = """
select originator_id, notification_id, originator_version, topic, state, recorded_at
from stored_events
where notification_id > %s and topic not like 'order.%%' and topic not like 'reference.%%'
order by notification_id limit %s
"""

_SIGNALS = """
select originator_id, notification_id, originator_version, topic
from stored_events where notification_id > %s order by notification_id limit %s
"""


class LogRow(NamedTuple):
    """A row of the log: `position` in the whole, `version` in its stream (from 1)."""

    stream: UUID
    position: int
    version: int
    topic: str
    state: bytes
    recorded_at: datetime


class LogPlace(NamedTuple):
    """A row of the log without its contents."""

    stream: UUID
    position: int
    version: int
    topic: str


class Recorder:
    """Reads and writes the log."""

    def __init__(self, reads: Reads, group_commit: GroupCommit) -> None:
        self._reads = reads
        self._group_commit = group_commit

    async def insert_events(self, stored_events: Sequence[StoredEvent]) -> Sequence[int] | None:
        """Save the events whole; their positions. Raises IntegrityError where one's place is taken."""
        events = [NewEvent(_uuid(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        if not events:
            return []
        if len({(event.stream, event.version) for event in events}) < len(events):
            raise IntegrityError("the same place twice")
        match await self._group_commit.append(Append(uuid4(), events)):
            case Appended(first):
                return None if first is None else list(range(first, first + len(events)))
            case conflict:
                raise IntegrityError(repr(conflict))

    async def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's events in the order of their versions."""
        rows = await self._reads.rows(
            f"select {_EVENT} from stored_events where originator_id = %s"  # noqa: S608 - constants only
            " and originator_version > coalesce(%s, -1) and originator_version <= coalesce(%s, 9223372036854775807)"
            f" order by originator_version {'desc' if desc else 'asc'} limit %s",
            (_uuid(originator_id), gt, lte, limit),
        )
        return [StoredEvent(*row) for row in rows]

    async def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in the order of their positions."""
        first = (start if inclusive_of_start else start + 1) if start is not None else 0
        rows = await self._reads.rows(
            f"select {_EVENT}, notification_id from stored_events"  # noqa: S608 - constants only
            " where notification_id >= %s and notification_id <= coalesce(%s, 9223372036854775807)"
            " and (%s or topic = any(%s)) order by notification_id limit %s",
            (first, stop, not topics, list(topics), limit),
        )
        return [Notification(*row) for row in rows]

    async def max_notification_id(self) -> int | None:
        """The log's last position."""
        rows = await self._reads.rows("select max(notification_id) from stored_events")
        last: int | None = rows[0][0]
        return last

    async def streams(self, ids: Iterable[UUID]) -> dict[UUID, list[LogRow]]:
        """Whole streams, oldest event first; a stream without events is an empty list."""
        found: dict[UUID, list[LogRow]] = {stream: [] for stream in ids}
        for row in await self._reads.rows(_STREAMS, (UuidArray.of(list(found)),)):
            found[row[0]].append(LogRow(*row))
        return found

    async def keys(self, ids: Sequence[UUID]) -> dict[UUID, StreamKey]:
        """The keys of the streams that have one."""
        rows = await self._reads.rows(_KEYS, (UuidArray.of(ids),))
        return {row[0]: StreamKey(*row) for row in rows}

    async def page(self, after: int, limit: int) -> list[LogRow]:
        """The log after a position."""
        return [LogRow(*row) for row in await self._reads.rows(_PAGE, (after, limit))]

    async def setup_page(self, after: int, limit: int) -> list[LogRow]:
        """The log after a position without orders: partners, keys, catalogs, subscriptions."""
        return [LogRow(*row) for row in await self._reads.rows(_SETUP_PAGE, (after, limit))]

    async def places(self, after: int, limit: int) -> list[LogPlace]:
        """The log after a position without its contents."""
        return [LogPlace(*row) for row in await self._reads.rows(_SIGNALS, (after, limit))]


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
