"""Reads that count what they read of the table of orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.postgres.reads import Reads

if TYPE_CHECKING:
    from infra.postgres.connections import Connection
    from infra.postgres.reads import Parameters


class Counting(Reads):
    """Reads over one connection; counts the rows of `orders` that each question reads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sequential = 0
        self.read = 0

    async def rows(self, query: str, parameters: Parameters = (), *, seconds: float = 0) -> list[tuple[Any, ...]]:
        del seconds
        async with self.connection.transaction():
            scans_before, read_before = await self._counters()
            cursor = await self.connection.execute(query, parameters or None, prepare=True, binary=True)
            rows = await cursor.fetchall()
            scans, read = await self._counters()
            self.sequential, self.read = scans - scans_before, read - read_before
        return rows

    async def _counters(self) -> tuple[int, int]:
        cursor = await self.connection.execute(
            "select seq_scan, seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'orders'"
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1]
