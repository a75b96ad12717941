"""Jobs that must be destroyed are asked of the issuer until it acknowledges.

Which jobs these are follows from the log: rows and position move in one statement, so a crash neither loses nor
forgets one. A crash between the issuer's answer and the row's end asks again: void is idempotent.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import structlog

from domain.issuance.issuer import IssuerAway, TicketIssuer
from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import Connection, Pool, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.reads import Reads
from services.issuer.patience import answered

log = structlog.get_logger()

CONSUMER = "voids"
LOOK_SECONDS = 1.0
STRETCH = 100_000
AT_ONCE = 100
STATEMENT_SECONDS = 4.0
LONGEST_BACK_OFF_SECONDS = 600

# Nothing is written where the log has not grown. Of two processes one moves the position, and that one queues.
_QUEUE_REQUESTED = """
with place as (
    select coalesce((select position from consumer_positions where name = %(consumer)s), 0) as position
), stretch as (
    select place.position as after, least(head.position, place.position + %(limit)s) as through
    from place, (select coalesce(max(notification_id), 0) as position from stored_events) head
    where head.position > place.position
), moved as (
    insert into consumer_positions as stored (name, position)
    select %(consumer)s, through from stretch
    on conflict (name) do update set position = excluded.position
        where stored.position = (select after from stretch)
    returning name
)
insert into void_jobs (job_id, order_id)
select (convert_from(e.state, 'UTF8')::json #>> '{data,jobId}')::uuid, e.originator_id
from stretch, stored_events e
where exists (select from moved)
    and e.topic = 'order.void_requested.v1'
    and e.notification_id > stretch.after and e.notification_id <= stretch.through
on conflict (job_id) do nothing
returning job_id
"""

# Leased by their next attempt's moment: another process passes them over meanwhile.
_TAKE = """
update void_jobs set attempts = attempts + 1,
    next_attempt_at = clock_timestamp() + make_interval(secs => least(%(longest)s, 2 ^ least(attempts + 3, 16)))
where job_id in (
    select job_id from void_jobs where next_attempt_at <= clock_timestamp()
    order by next_attempt_at limit %(limit)s for update skip locked
)
returning job_id
"""


async def voids_waiting(reads: Reads) -> int:
    """How many jobs the issuer has not acknowledged yet to have destroyed. Raises DatabaseUnavailable."""
    rows = await reads.rows("select count(*) from void_jobs")
    return int(rows[0][0])


class Voids:
    """Runs beside the saga; in several processes it does no harm."""

    def __init__(self, pool: Pool, issuer: TicketIssuer) -> None:
        self._pool = pool
        self._issuer = issuer

    async def run(self) -> None:
        """Look each second, for ever."""
        while True:
            try:
                await self.queue_requested()
                while await self.ask():
                    pass
            except DatabaseUnavailable as error:
                log.info("voids_wait", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def queue_requested(self) -> int:
        """Queue what was requested since the last look; how many jobs. Raises DatabaseUnavailable."""
        return len(await self._run(_QUEUE_REQUESTED, {"consumer": CONSUMER, "limit": STRETCH}))

    async def ask(self) -> int:
        """Ask the issuer for what is due; how many were asked. Raises DatabaseUnavailable."""
        jobs = [job for (job,) in await self._run(_TAKE, {"longest": LONGEST_BACK_OFF_SECONDS, "limit": AT_ONCE})]
        if jobs:
            reached(CrashPoint.VOIDS_TAKEN)
        answers = await asyncio.gather(*(self._acknowledged(job) for job in jobs))
        acknowledged = [job for job, is_acknowledged in zip(jobs, answers, strict=True) if is_acknowledged]
        if acknowledged:
            reached(CrashPoint.VOID_DONE)
            await self._run("delete from void_jobs where job_id = any(%s) returning job_id", (acknowledged,))
        return len(jobs)

    async def _acknowledged(self, job_id: UUID) -> bool:
        try:
            await answered(self._issuer.void(job_id))
        except IssuerAway:
            log.warning("void_not_acknowledged", job_id=str(job_id))
            return False
        except Exception:
            # A fault of an issuer's must not keep the other jobs of the batch from being ticked off.
            log.exception("void_failed", job_id=str(job_id))
            return False
        return True

    async def _run(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - psycopg's own
        with translated_faults():
            async with self._pool.connection() as connection:
                return await within(connection, _fetched(connection, statement, parameters), STATEMENT_SECONDS)


async def _fetched(connection: Connection, statement: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    cursor = await connection.execute(statement.encode(), parameters, prepare=True)
    return await cursor.fetchall()
