"""Rows of `webhook_deliveries` that a sender or a server left behind when it died, found before their leases end."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from infra.postgres.connections import Connection


async def release_of_the_dead(conn: Connection, leases: str) -> int:
    """Give back what processes had in hand that live no more: due at once, for anyone; answers how many.

    Each sender holds a lease of its own as long as it lives, its name beginning with `leases`; the rows of those that
    ran out are deleted here. One that lives and could not renew in time repeats what it has in hand, and takes it anew.
    """
    cursor = await conn.execute(
        """
        with dead as (
            delete from leases where starts_with(name, %(leases)s) and expires_at <= clock_timestamp() returning owner
        )
        update webhook_deliveries left_behind set lease_owner = null, due_at = now()
        from dead where left_behind.lease_owner = dead.owner and left_behind.status = 'pending'
        """,
        {"leases": leases},
        prepare=False,
    )
    return cursor.rowcount


async def release_forgotten(conn: Connection, owner: str, in_hand: Collection[UUID]) -> int:
    """Give back what is leased to `owner`, and is not in its hand any more; answers how many."""
    cursor = await conn.execute(
        """
        update webhook_deliveries set lease_owner = null, due_at = now()
        where lease_owner = %(owner)s and status = 'pending' and id <> all (%(in_hand)s::uuid[])
        """,
        {"owner": owner, "in_hand": list(in_hand)},
        prepare=False,
    )
    return cursor.rowcount
