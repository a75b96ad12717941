"""Jobs that must be destroyed are asked of the issuer until it acknowledges.

Which jobs these are follows from the log: rows and position move in one transaction, so a crash neither loses nor
forgets one. A crash between the issuer's answer and the row's end asks again: void is idempotent.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from domain.issuance.issuer import IssuerAway, TicketIssuer
from infra.postgres.connections import Connection, Pool, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable, PositionMoved
from infra.postgres.positions import advance, load_position

log = structlog.get_logger()

CONSUMER = "voids"
LOOK_SECONDS = 1.0
STRETCH = 100_000
AT_ONCE = 100
STATEMENT_SECONDS = 4.0
LONGEST_BACK_OFF_SECONDS = 600

_REQUESTED = """
select h.head, e.originator_id, e.state
from (select coalesce(max(notification_id), 0) as head from stored_events) h
left join stored_events e
    on e.topic = 'order.void_requested.v1'
    and e.notification_id > %(after)s and e.notification_id <= %(after)s::bigint + %(limit)s
"""

_QUEUE = """
insert into void_jobs (job_id, order_id)
select * from unnest(%s::uuid[], %s::uuid[]) on conflict (job_id) do nothing
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


class _Data(Struct, frozen=True, rename="camel"):
    job_id: UUID


class _State(Struct, frozen=True):
    data: _Data


_decode = msgspec.json.Decoder(_State).decode


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
            except (DatabaseUnavailable, PositionMoved) as error:
                log.info("voids_wait", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def queue_requested(self) -> int:
        """Queue what was requested since the last look; how many jobs. Raises DatabaseUnavailable, PositionMoved."""
        with translated_faults():
            async with self._pool.connection() as connection:
                return await within(connection, _queue(connection), STATEMENT_SECONDS)

    async def ask(self) -> int:
        """Ask the issuer for what is due; how many were asked. Raises DatabaseUnavailable."""
        jobs = [job for (job,) in await self._run(_TAKE, {"longest": LONGEST_BACK_OFF_SECONDS, "limit": AT_ONCE})]
        acknowledged = [job for job in jobs if await self._acknowledged(job)]
        if acknowledged:
            await self._run("delete from void_jobs where job_id = any(%s) returning job_id", (acknowledged,))
        return len(jobs)

    async def _acknowledged(self, job_id: UUID) -> bool:
        try:
            await self._issuer.void(job_id)
        except IssuerAway:
            log.warning("void_not_acknowledged", job_id=str(job_id))
            return False
        return True

    async def _run(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - psycopg's own
        with translated_faults():
            async with self._pool.connection() as connection:
                return await within(connection, _fetched(connection, statement, parameters), STATEMENT_SECONDS)


async def _queue(connection: Connection) -> int:
    async with connection.transaction():
        after = await load_position(connection, CONSUMER)
        rows = await _fetched(connection, _REQUESTED, {"after": after, "limit": STRETCH})
        head = min(rows[0][0], after + STRETCH)
        requested = [(_decode(state).data.job_id, order_id) for _, order_id, state in rows if order_id is not None]
        if requested:
            jobs, orders = zip(*requested, strict=True)
            await connection.execute(_QUEUE, (list(jobs), list(orders)))
        if head > after:
            await advance(connection, CONSUMER, after, head)
        return len(requested)


async def _fetched(connection: Connection, statement: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    cursor = await connection.execute(statement.encode(), parameters, prepare=True)
    return await cursor.fetchall()
