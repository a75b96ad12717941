"""Which Drafts are over: by when they were issued, and by what their partners' time limits are now.

Asked of the table `orders` (`order_rows.py` writes it) by an index of its own, so that nothing is kept of a timer, and
a limit that changes moves no row. What it finds is a Draft by the log, too; one that the projection has still to write
is found once it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from infra.event_store.arrays import Int8Array, UuidArray

if TYPE_CHECKING:
    from infra.postgres.reads import Reads

# A partner at a time, each in the order of the index; what the log says has moved on is no Draft any more.
_OVER = """
    select o.order_id, draft_issued_at(o.summary) + wanted.ttl as due_at
    from orders o
    where o.status = 'Draft' and o.partner_id = wanted.partner_id and draft_issued_at(o.summary) <= %(now)s - wanted.ttl
        and not exists (
            select from stored_events e where e.originator_id = o.order_id and e.originator_version > o.version
        )
    order by draft_issued_at(o.summary)
"""
_WANTED = """(
    select partner_id, seconds * interval '1 second' as ttl
    from unnest(%(partners)s, %(seconds)s) as limits(partner_id, seconds)
) wanted"""

# In turns, so that a partner whose Drafts are all over at once holds up no other's.
_DUE = f"""
select found.order_id
from {_WANTED}
cross join lateral (
    select over.*, row_number() over (order by due_at) as turn from ({_OVER} limit %(limit)s) over
) found
order by found.turn, found.due_at limit %(limit)s
"""  # noqa: S608 - constants only

_LONGEST_OVERDUE = f"""
select max(%(now)s - found.due_at) from {_WANTED} cross join lateral ({_OVER} limit 1) found
"""  # noqa: S608 - constants only


class ExpiringDrafts:
    """`ttl_seconds`: by partner, of those that have a limit. Without any, nothing is asked of the database."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def due(self, ttl_seconds: Mapping[UUID, int], now: datetime, limit: int) -> list[UUID]:
        """Orders whose time is up at `now`, each partner's longest due first. Raises DatabaseUnavailable."""
        if not ttl_seconds:
            return []
        rows = await self._reads.rows(_DUE, {**_limits(ttl_seconds), "now": now, "limit": limit})
        return [order_id for (order_id,) in rows]

    async def longest_overdue(self, ttl_seconds: Mapping[UUID, int], now: datetime) -> timedelta:
        """For how long the one that is due longest has been; zero where none is. Raises DatabaseUnavailable."""
        if not ttl_seconds:
            return timedelta(0)
        rows = await self._reads.rows(_LONGEST_OVERDUE, {**_limits(ttl_seconds), "now": now})
        overdue: timedelta | None = rows[0][0]
        return overdue or timedelta(0)


def _limits(ttl_seconds: Mapping[UUID, int]) -> dict[str, object]:
    return {"partners": UuidArray.of(list(ttl_seconds)), "seconds": Int8Array.of(list(ttl_seconds.values()))}
