"""What the processes of a consumer group tell each other through PostgreSQL: that the group moves, or why it cannot.

Each stores, at most once a second, the position of what it has handled last (table `consumer_positions`). It says that
somebody moves, no more: between partitions there is no order, so no single position has been passed by all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.postgres.connections import Connection, translated_faults, within
from infra.postgres.positions import set_halted

if TYPE_CHECKING:
    from infra.postgres.connections import Pool

RELAY = "relay"
_SECONDS = 2.0

_LOOK = """
SELECT coalesce(max(position) FILTER (WHERE name = %s), 0), max(position) FILTER (WHERE name = %s)
FROM consumer_positions WHERE name IN (%s, %s)
"""

# Without waiting for the disk: nothing rests on it but who takes an order up first.
_STORE = """
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO consumer_positions AS consumer (name, position)
SELECT %s, %s FROM unhurried
ON CONFLICT (name) DO UPDATE SET position = excluded.position
"""


class Progress(NamedTuple):
    """`relayed`: all of the log up to here is on the topic. `handled`: what some member has stored last."""

    relayed: int
    handled: int | None


class GroupProgress:
    """`name`: the consumer. Everything raises DatabaseUnavailable."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name

    async def look(self) -> Progress:
        with translated_faults():
            async with self._pool.connection() as connection:
                return Progress(*await within(connection, self._looked(connection), _SECONDS))

    async def store(self, position: int) -> None:
        with translated_faults():
            async with self._pool.connection() as connection:
                await within(connection, connection.execute(_STORE, (self._name, position), prepare=True), _SECONDS)

    async def tell(self, halted: str | None) -> None:
        """Have operators told why the group stands still; None: it goes on."""
        with translated_faults():
            async with self._pool.connection() as connection:
                await within(connection, set_halted(connection, self._name, halted), _SECONDS)

    async def _looked(self, connection: Connection) -> tuple[int, int | None]:
        names = (RELAY, self._name)
        cursor = await connection.execute(_LOOK, (*names, *names), prepare=True)
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - an aggregate has one
        return row[0], row[1]
