"""Rows for the queue, and what stands in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from infra.postgres.connections import Connection
from infra.postgres.positions import load_position
from projections import webhook_deliveries
from projections.webhook_deliveries import LeasedDelivery, NewDelivery, Stretch


def new_delivery(subscription_id: UUID, *, number: int = 1, dead: bool = False) -> NewDelivery:
    return NewDelivery(
        id=uuid4(),
        subscription_id=subscription_id,
        order_id=uuid4(),
        position=number,
        event_name="ota_cm_order_processed",
        body=json.dumps({"number": number}),
        dead=dead,
    )


async def enqueue(
    conn: Connection, deliveries: Sequence[NewDelivery], owner: str, lease_seconds: float
) -> list[LeasedDelivery]:
    """As the publisher does, from where it stands in the log."""
    place = await load_position(conn, "webhooks")
    stretch = Stretch("webhooks", place, place + 1)
    return await webhook_deliveries.enqueue(conn, stretch, deliveries, owner, lease_seconds)


@dataclass(frozen=True)
class Row:
    status: str
    lease_owner: str | None
    due_in: float | None
    tried: int
    attempts: list[dict[str, Any]]


async def row(conn: Connection, delivery_id: UUID) -> Row:
    cursor = await conn.execute(
        "select status, lease_owner, extract(epoch from due_at - now())::float8, tried, attempts"
        " from webhook_deliveries where id = %s",
        (delivery_id,),
    )
    found = await cursor.fetchone()
    assert found is not None
    return Row(*found)


async def statuses(conn: Connection) -> dict[str, int]:
    """How many rows there are of each status."""
    cursor = await conn.execute("select status, count(*) from webhook_deliveries group by status")
    return dict(await cursor.fetchall())


async def end_leases(conn: Connection) -> None:
    """As if the time of every lease and wait had passed."""
    await conn.execute("update webhook_deliveries set due_at = now() where status = 'pending'")


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Returns once it holds; fails after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            held = holds()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)
