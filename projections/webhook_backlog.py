"""What table `webhook_deliveries` still holds to be done, or to be looked at: for the status page and the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

# Each part reads the index of its own rows alone. A row in hand is due when its lease ends, so not yet.
_BACKLOG: Final = """
select pending.count, greatest(extract(epoch from now() - pending.earliest)::float8, 0), dead.count
from (select count(*), min(due_at) as earliest from webhook_deliveries where status = 'pending') pending,
    (select count(*) from webhook_deliveries where status = 'dead') dead
"""


class Backlog(NamedTuple):
    """`oldest_due_seconds`: since when the earliest pending one could have been taken; 0 where none is due."""

    pending: int
    oldest_due_seconds: float
    dead: int


async def backlog(reads: Reads) -> Backlog:
    """How many deliveries wait, and how many are dead and kept. Raises DatabaseUnavailable."""
    rows = await reads.rows(_BACKLOG)
    pending, oldest_due_seconds, dead = rows[0]
    return Backlog(pending, oldest_due_seconds or 0.0, dead)
