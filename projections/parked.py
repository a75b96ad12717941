"""Table `parked_events`: what a projection could not apply, kept where an operator sees it.

Once an event of a stream is parked, the stream's later ones are too: applied to a document with a gap they would show
an order that never was. The way back is `rebuild`, with a program that can apply them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.event_store.recorder import LogRow
    from infra.postgres.connections import Connection
    from infra.postgres.reads import Reads

LATER = "an earlier event of its stream is parked"

_LONGEST_ERROR = 500

_PARK = """
insert into parked_events (projection, position, stream, version, topic, error)
select %s, * from unnest(%s::bigint[], %s::uuid[], %s::bigint[], %s::text[], %s::text[])
on conflict (projection, position) do nothing
"""

_COUNT = "select count(*) from parked_events where projection = any(%s)"

_LIST = """
select projection, position, stream, version, topic, error, parked_at from parked_events
where projection = any(%s) order by position limit %s
"""


class Poison(NamedTuple):
    """An event that a projection cannot apply, and why: the error's kind and message, never an event's contents."""

    row: LogRow
    error: str


class ParkedEvent(NamedTuple):
    """A row of the table. `stream`: for an order's event, the orderId."""

    projection: str
    position: int
    stream: UUID
    version: int
    topic: str
    error: str
    parked_at: datetime


def reason(error: BaseException) -> str:
    """An error as it is parked, on one line."""
    message = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {message}"[:_LONGEST_ERROR]


async def park(connection: Connection, projection: str, poisons: Sequence[Poison]) -> None:
    """Park the events, in the transaction that passes over them."""
    rows = [poison.row for poison in poisons]
    await connection.execute(
        _PARK,
        (
            projection,
            [row.position for row in rows],
            [row.stream for row in rows],
            [row.version for row in rows],
            [row.topic for row in rows],
            # A topic or message with U+0000 in it could not be stored, and would stop the projection for good.
            [poison.error.replace("\x00", "\N{REPLACEMENT CHARACTER}") for poison in poisons],
        ),
    )


async def parked_count(reads: Reads, projections: Sequence[str] = ("orders",)) -> int:
    """How many events these projections have parked. Raises DatabaseUnavailable."""
    rows = await reads.rows(_COUNT, (list(projections),))
    return int(rows[0][0])


async def parked_events(
    reads: Reads, projections: Sequence[str] = ("orders",), *, limit: int = 100
) -> list[ParkedEvent]:
    """The oldest parked events. Raises DatabaseUnavailable."""
    return [ParkedEvent(*row) for row in await reads.rows(_LIST, (list(projections), limit))]
