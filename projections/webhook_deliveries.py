"""Table `webhook_deliveries`: the queue of what partners' endpoints are to be told, and the record of what they were.

A process that has a row in hand is its lease owner until the row is due again. Only the lease owner records what came
of an attempt: a process that was stopped and wakes up late cannot overwrite what another has done since. Every time is
the database's, so that processes whose clocks differ agree on what is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import msgspec

from infra.postgres.connections import Connection
from infra.postgres.errors import PositionMoved

Status = Literal["pending", "delivered", "dead"]

KEPT_ATTEMPTS: Final = 20
"""How many attempts a row remembers, the latest ones; the schedule has ten."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """To be queued. `position`: of the event in the log. `body`: JSON. `dead`: kept, not sent.

    `traceparent`: of that event; each attempt is in its trace.
    """

    id: UUID
    subscription_id: UUID
    order_id: UUID
    position: int
    event_name: str
    body: str
    dead: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """A row that its taker may send now. `tried`: attempts already recorded since it was queued or recovered."""

    id: UUID
    subscription_id: UUID
    body: bytes
    tried: int
    traceparent: str | None = None


class Attempt(msgspec.Struct, frozen=True, rename="camel"):
    """One attempt, as it is stored and shown. `at`: RFC 3339. `response`: the answer's text, shortened."""

    at: str
    status_code: int | None
    duration_ms: int
    error: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a delivery in hand. `retry_after_seconds`: for pending ones. `attempt`: None if none was made."""

    id: UUID
    status: Status
    retry_after_seconds: float | None
    attempt: Attempt | None


def message_id(delivery_id: UUID) -> str:
    """The `webhook-id` of a delivery, the same on every attempt."""
    return "msg_" + delivery_id.hex


# Inserted already leased: the writer sends from memory at once, and nobody else finds them due. The rows come as one
# JSON text, here and below: psycopg's lists cost several times as much.
#
# Committed without waiting for the disk: a crash of the server takes rows and place together, or neither, and what was
# sent meanwhile is then sent again under its id.
_ENQUEUE: Final = """
with unhurried as materialized (
    select set_config('synchronous_commit', 'off', true)
), moved as (
    update consumer_positions set position = %(through)s from unhurried
    where name = %(consumer)s and position = %(after)s
    returning name
), queued as (
    insert into webhook_deliveries (
        id, subscription_id, order_id, position, event_name, body, status, due_at, lease_owner, created_at, finished_at,
        traceparent
    )
    select id, subscription_id, order_id, position, event_name, convert_to(body, 'UTF8'),
        case when dead then 'dead' else 'pending' end,
        case when not dead then now() + make_interval(secs => %(lease)s) end,
        case when not dead then %(owner)s end,
        now(),
        case when dead then now() end,
        traceparent
    from json_to_recordset(%(rows)s::json) as new (
        id uuid, subscription_id uuid, order_id uuid, position bigint, event_name text, body text, dead boolean,
        traceparent text
    )
    where exists (select from moved)
    on conflict (id) do nothing
    returning id
)
select exists (select from moved), array(select id from queued)
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a consumer of the log has worked on: the positions behind `after`, up to `through`."""

    consumer: str
    after: int
    through: int


async def enqueue(
    conn: Connection, stretch: Stretch, deliveries: Sequence[NewDelivery], owner: str, lease_seconds: float
) -> list[LeasedDelivery]:
    """Queue the deliveries of a stretch and move its consumer behind it, in one statement; a row that is there stays.

    Answers the pending ones that were inserted, leased to `owner`; they may be sent once this is committed. Raises
    PositionMoved where the consumer does not stand before the stretch: nothing was queued.
    """
    parameters = {
        "consumer": stretch.consumer,
        "after": stretch.after,
        "through": stretch.through,
        "owner": owner,
        "lease": float(lease_seconds),
        "rows": _json(deliveries),
    }
    cursor = await conn.execute(_ENQUEUE, parameters, prepare=True)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it always answers
    moved, ids = row
    if not moved:
        raise PositionMoved(f"the position of {stretch.consumer} is no longer {stretch.after}")
    inserted = set(ids)
    return [
        LeasedDelivery(new.id, new.subscription_id, new.body.encode(), 0, new.traceparent)
        for new in deliveries
        if new.id in inserted and not new.dead
    ]


def _json(rows: Sequence[NewDelivery] | Sequence[Outcome]) -> str:
    return msgspec.json.encode(rows).decode()


# The endpoints that have something pending, found by jumping from one to the next in the index: as many steps as there
# are such endpoints, however long their queues are. `busy` ones are left out: their taker has enough of them in hand.
_ENDPOINTS: Final = """
with recursive endpoint (subscription_id) as (
    (select subscription_id from webhook_deliveries where status = 'pending' order by subscription_id limit 1)
    union all
    select (
        select next.subscription_id from webhook_deliveries next
        where next.status = 'pending' and next.subscription_id > endpoint.subscription_id
        order by next.subscription_id limit 1
    )
    from endpoint where endpoint.subscription_id is not null
), waiting as (
    select subscription_id from endpoint
    where subscription_id is not null and subscription_id <> all (%(busy)s::uuid[])
)
"""

_TAKE_DUE: Final = f"""{_ENDPOINTS}, due as materialized (
    select first.id from waiting cross join lateral (
        select id from webhook_deliveries queued
        where queued.status = 'pending' and queued.subscription_id = waiting.subscription_id and queued.due_at <= now()
        order by queued.due_at limit %(each)s
        for update skip locked
    ) first
    limit %(limit)s
)
update webhook_deliveries taken
set lease_owner = %(owner)s, due_at = now() + make_interval(secs => %(lease)s)
from due where taken.id = due.id
returning taken.id, taken.subscription_id, taken.body, taken.tried, taken.traceparent
"""  # noqa: S608 # text of ours


async def take_due(
    conn: Connection,
    owner: str,
    *,
    lease_seconds: float,
    limit: int,
    each: int,
    busy: Sequence[UUID] = (),
) -> list[LeasedDelivery]:
    """Lease rows that are due: at most `each` of an endpoint, none of the `busy` ones, `limit` in all."""
    parameters = {
        "owner": owner,
        "lease": float(lease_seconds),
        "limit": limit,
        "each": each,
        "busy": list(busy),
    }
    # Not prepared, here and below: a plan made while the table was small would be a scan of it, and would be kept.
    cursor = await conn.execute(_TAKE_DUE, parameters, prepare=False)
    return [LeasedDelivery(*row) for row in await cursor.fetchall()]


_NEXT_DUE: Final = f"""{_ENDPOINTS}
select extract(epoch from min(first.due_at) - now())::float8
from waiting cross join lateral (
    select due_at from webhook_deliveries queued
    where queued.status = 'pending' and queued.subscription_id = waiting.subscription_id
    order by queued.due_at limit 1
) first
"""  # noqa: S608 # text of ours


async def next_due_seconds(conn: Connection, busy: Sequence[UUID] = ()) -> float | None:
    """How soon a row of an endpoint that is not `busy` falls due, 0 or below if one is; None if nothing is pending."""
    cursor = await conn.execute(_NEXT_DUE, {"busy": list(busy)}, prepare=False)
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def record_attempts(conn: Connection, owner: str, outcomes: Sequence[Outcome]) -> set[UUID]:
    """Record what came of deliveries in hand, in one statement, and end their leases (see the migration).

    Answers the ids recorded: a row that is leased to somebody else by now is left alone.
    """
    if not outcomes:
        return set()
    cursor = await conn.execute(
        "select webhook_record_v1(%s, %s, %s::json)", (owner, KEPT_ATTEMPTS, _json(outcomes)), prepare=True
    )
    return {row[0] for row in await cursor.fetchall()}


async def release(conn: Connection, owner: str, ids: Sequence[UUID]) -> None:
    """Give back deliveries in hand that were not attempted: they are due at once, for anyone."""
    await conn.execute(
        """
        update webhook_deliveries set lease_owner = null, due_at = now()
        where id = any (%(ids)s::uuid[]) and lease_owner = %(owner)s and status = 'pending'
        """,
        {"ids": list(ids), "owner": owner},
        prepare=False,
    )


async def kill_pending(conn: Connection, subscriptions: Sequence[UUID]) -> int:
    """Make the pending deliveries of subscriptions that are disabled or deleted dead ones; answers how many.

    One in hand keeps its lease owner: if its attempt turns out well, it is recorded as delivered after all.
    """
    cursor = await conn.execute(
        """
        update webhook_deliveries set status = 'dead', due_at = null, finished_at = now()
        where subscription_id = any (%(subscriptions)s::uuid[]) and status = 'pending'
        """,
        {"subscriptions": list(subscriptions)},
        prepare=False,
    )
    return cursor.rowcount


async def prune(conn: Connection, *, delivered_days: float, dead_days: float, limit: int = 5_000) -> int:
    """Delete finished deliveries older than so many days, at most `limit`; answers how many, to be called until 0."""
    cursor = await conn.execute(
        """
        delete from webhook_deliveries where id = any (array(
            select id from webhook_deliveries
            where created_at < now() - make_interval(secs => least(%(delivered)s, %(dead)s))
                and finished_at < now() - make_interval(
                    secs => case status when 'dead' then %(dead)s else %(delivered)s end
                )
            limit %(limit)s
        ))
        """,
        {"delivered": delivered_days * 86_400.0, "dead": dead_days * 86_400.0, "limit": limit},
        prepare=False,
    )
    return cursor.rowcount
