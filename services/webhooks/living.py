"""A sender says that it lives, gives back what senders that died had in hand, and what the server has forgotten.

Deliveries are leased for as long as an attempt may take and a queue may be, a minute: too long for a partner to wait
after a crash. That a process lives is known within seconds, by a lease of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from infra.postgres.connections import Connection, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.leases import Lease
from infra.postgres.server_life import ServerLife, server_life
from projections.webhook_left_behind import release_forgotten, release_of_the_dead
from services.webhooks.marks import STATEMENT_SECONDS

if TYPE_CHECKING:
    from infra.postgres.connections import Pool

_LEASES: Final = "webhook-sender:"
_LOOK_SECONDS: Final = 1.0

# Longer than a crashed PostgreSQL takes to come back: who lives through that keeps what it has in hand.
_LEASE_SECONDS: Final = 6.0

_log = structlog.get_logger()


class Living:
    """`owner`: the sender's name in the leases of deliveries. `held`: those that it knows of.

    `on_restart`: called when the server has crashed or started again, and may have forgotten what it committed last.
    """

    def __init__(
        self, pool: Pool, owner: str, held: Callable[[], Collection[UUID]], on_restart: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._owner = owner
        self._held = held
        self._on_restart = on_restart
        self._lease = Lease(pool, f"{_LEASES}{owner}", owner, _LEASE_SECONDS)
        self._server_life: ServerLife | None = None

    async def begin(self) -> None:
        """Before the first delivery is leased to this owner. Raises DatabaseUnavailable."""
        await self._lease.acquire()
        with translated_faults():
            async with self._pool.connection() as conn:
                self._server_life = await within(conn, server_life(conn), STATEMENT_SECONDS)

    async def run(self) -> None:
        """Live, and look each second what was left behind; until cancelled."""
        await self._lease.hold(self._keep_looking)

    async def look(self) -> int:
        """Give back what was left behind; how many deliveries. Raises DatabaseUnavailable."""
        with translated_faults():
            async with self._pool.connection() as conn:
                return await within(conn, self._release(conn), STATEMENT_SECONDS)

    async def _keep_looking(self) -> None:
        while True:
            try:
                if released := await self.look():
                    _log.info("webhook_deliveries_left_behind", count=released)
            except DatabaseUnavailable as error:
                _log.warning("webhook_look_waits_for_store", error=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _release(self, conn: Connection) -> int:
        released = await release_of_the_dead(conn, _LEASES)
        life = await server_life(conn)
        if life != self._server_life:
            # A server that crashed may have lost marks and rows, which it commits without waiting for the disk.
            released += await release_forgotten(conn, self._owner, self._held())
            self._on_restart()
            self._server_life = life
        return released
