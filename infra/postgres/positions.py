"""A consumer's place in the log (table `consumer_positions`)."""

from __future__ import annotations

from infra.postgres.connections import Connection
from infra.postgres.errors import PositionMoved


async def load_position(connection: Connection, name: str) -> int:
    """The position up to which consumer `name` has done its work; a new consumer's row is made at 0."""
    await connection.execute(
        "INSERT INTO consumer_positions (name, position) VALUES (%s, 0) ON CONFLICT DO NOTHING", (name,)
    )
    cursor = await connection.execute("SELECT position FROM consumer_positions WHERE name = %s", (name,))
    row = await cursor.fetchone()
    if row is None:
        raise PositionMoved(f"the position of {name} was removed meanwhile")
    return int(row[0])


async def advance(connection: Connection, name: str, old: int, new: int) -> None:
    """Move the position of `name` from `old` to `new`, in the transaction of the effects of the events between.

    Raises PositionMoved when it is not at `old`: another runner did the same work, so the transaction must roll back.
    """
    cursor = await connection.execute(
        "UPDATE consumer_positions SET position = %s WHERE name = %s AND position = %s", (new, name, old)
    )
    if cursor.rowcount != 1:
        raise PositionMoved(f"the position of {name} is no longer {old}")


async def advance_unhurried(connection: Connection, name: str, old: int, new: int) -> None:
    """The same in a statement of its own, for effects that are durable already and may come twice.

    Committed without waiting for the disk: a crash of the server may take the position back. Raises PositionMoved.
    """
    cursor = await connection.execute(
        """
        WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
        UPDATE consumer_positions SET position = %s FROM unhurried WHERE name = %s AND position = %s
        """,
        (new, name, old),
        prepare=True,
    )
    if cursor.rowcount != 1:
        raise PositionMoved(f"the position of {name} is no longer {old}")


async def load_halted(connection: Connection, name: str) -> str | None:
    """Why `name` stands still; None: it does not."""
    cursor = await connection.execute("SELECT halted FROM consumer_positions WHERE name = %s", (name,))
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def set_halted(connection: Connection, name: str, why: str | None) -> None:
    """Have operators told that `name` stands still, and why; None: it goes on."""
    await connection.execute(
        """
        INSERT INTO consumer_positions AS consumer (name, position, halted) VALUES (%s, 0, %s)
        ON CONFLICT (name) DO UPDATE SET halted = excluded.halted WHERE consumer.halted IS DISTINCT FROM excluded.halted
        """,
        (name, why),
    )
