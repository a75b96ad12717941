"""A lease: one of several processes does a job, the others stand by and take over when it stops renewing.

A row with an end and an epoch, no session lock: a stopped process keeps a session lock for ever.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import structlog

from infra.postgres.connections import Connection, Pool, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable

_MARGIN = 0.2

_ACQUIRE = """
INSERT INTO leases AS lease (name, owner, epoch, expires_at)
VALUES (%(name)s, %(owner)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
SET owner = excluded.owner,
    expires_at = excluded.expires_at,
    epoch = CASE
        WHEN lease.owner = excluded.owner AND lease.expires_at > clock_timestamp() THEN lease.epoch
        ELSE lease.epoch + 1
    END
WHERE lease.owner = excluded.owner OR lease.expires_at <= clock_timestamp()
RETURNING epoch
"""
_RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s AND expires_at > clock_timestamp()
RETURNING epoch
"""
_RELEASE = """
UPDATE leases SET expires_at = '-infinity'
WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
RETURNING epoch
"""

_log = structlog.get_logger()


def _clock() -> float:
    """Seconds that never jump and go on while the machine sleeps, where the system has such a clock."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """A lease on the name of a job, for one owner (a name that no two processes ever share).

    `seconds`: how long it lasts from each renewal. `clock`: seconds, monotonic.
    """

    def __init__(
        self, pool: Pool, name: str, owner: str, seconds: float = 5.0, *, clock: Callable[[], float] = _clock
    ) -> None:
        self._pool = pool
        self._name = name
        self._owner = owner
        self._seconds = seconds
        self._clock = clock
        self._held_until = float("-inf")
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """The number of the tenure: rises each time that the lease is taken anew, by whomever. 0 before the first."""
        return self._epoch

    @property
    def held(self) -> bool:
        """Whether the job may be done now. By our own clock, a fifth of the time before others may take over."""
        return self._clock() < self._held_until

    async def acquire(self) -> bool:
        """Take the lease if it is free, has run out or is ours. Raises DatabaseUnavailable."""
        return await self._ask(_ACQUIRE)

    async def renew(self) -> bool:
        """Prolong the tenure. False: it has run out or another has it; `acquire` begins a new one.

        Raises DatabaseUnavailable; the lease is then held until its end as before.
        """
        return await self._ask(_RENEW)

    async def release(self) -> None:
        """Give the lease back, so that another may take it at once. Raises DatabaseUnavailable; it then runs out."""
        was_ours = self._held_until > float("-inf")
        self._held_until = float("-inf")
        if was_ours:
            await self._ask(_RELEASE, holds_after=False)

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        """Stand by until the lease is ours, then run `work`, again and again; for ever, until cancelled.

        `work` is cancelled when the lease is lost or cannot be renewed in time, and the lease is waited for anew; the
        same when it returns. What it raises ends `hold`, after the lease was given back.
        """
        pause = self._seconds / 5
        while True:
            if await self._acquired():
                _log.info("lease_acquired", lease=self._name, epoch=self._epoch)
                await self._work_while_held(work, pause)
                _log.info("lease_left", lease=self._name, epoch=self._epoch)
            await asyncio.sleep(pause)

    async def _acquired(self) -> bool:
        try:
            return await self.acquire()
        except DatabaseUnavailable as fault:
            _log.warning("lease_not_acquired", lease=self._name, error=str(fault))
            return False

    async def _work_while_held(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        task = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._keep_renewing(pause))
        try:
            # Renewing runs beside this, so that a renewal that hangs does not keep us from stopping in time.
            while self.held and not task.done():
                await asyncio.wait({task}, timeout=max(0.0, self._held_until - self._clock()))
        finally:
            renewing.cancel()
            task.cancel()
            await asyncio.wait({task, renewing})
            try:
                await self.release()
            except DatabaseUnavailable as fault:
                _log.warning("lease_not_released", lease=self._name, error=str(fault))
        if not task.cancelled():
            task.result()

    async def _keep_renewing(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await self.renew()
            except DatabaseUnavailable as fault:
                _log.warning("lease_not_renewed", lease=self._name, error=str(fault))

    async def _ask(self, statement: str, *, holds_after: bool = True) -> bool:
        """Run a statement that names the epoch if it did its work. Time counts from before it was sent."""
        asked = self._clock()
        with translated_faults():
            async with self._pool.connection() as connection:
                epoch = await within(connection, self._epoch_of(connection, statement), self._seconds / 4)
        if epoch is None or not holds_after:
            self._held_until = float("-inf")
        else:
            self._epoch = epoch
            self._held_until = asked + self._seconds * (1 - _MARGIN)
        return epoch is not None

    async def _epoch_of(self, connection: Connection, statement: str) -> int | None:
        cursor = await connection.execute(
            statement.encode(),
            {"name": self._name, "owner": self._owner, "seconds": self._seconds, "epoch": self._epoch},
        )
        row = await cursor.fetchone()
        return None if row is None else int(row[0])
