"""What a crash between sending and marking does: the delivery is repeated under its id, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg

from infra.postgres.connections import Connection, Pool
from projections.webhook_deliveries import message_id
from tests.integration.webhooks.queue import end_leases, enqueue, new_delivery, row, statuses, until
from tests.integration.webhooks.receiver import Receiver
from tests.integration.webhooks.sending import Endpoints, queue_and_offer, sending

FIRST = UUID(int=1)


@dataclass
class Breakable:
    """Connections of a process that can be cut off from the database."""

    pool: Pool
    broken: bool = False
    refused: int = 0

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        return self._connection()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if self.broken:
            self.refused += 1
            raise psycopg.OperationalError("cut off")
        async with self.pool.connection() as conn:
            yield conn


async def test_what_was_sent_and_not_marked_is_repeated_under_its_id(
    pool: Pool, conn: Connection, receiver: Receiver
) -> None:
    endpoints = Endpoints()
    endpoints.add(FIRST, receiver.url())
    new = new_delivery(FIRST)
    dying = Breakable(pool)
    async with sending(pool, endpoints, owner="dying", connections=dying.connection) as first:
        await queue_and_offer(pool, first, [new])
        dying.broken = True
        await until(lambda: len(receiver.received) == 1 and dying.refused > 0)
    assert (await row(conn, new.id)).lease_owner == "dying"
    await end_leases(conn)
    async with sending(pool, endpoints, owner="next"):
        await until(lambda: len(receiver.received) == 2)
        await until(lambda: _are(conn, delivered=1))
    assert receiver.message_ids == [message_id(new.id)] * 2
    assert [received.body for received in receiver.received] == [new.body.encode()] * 2


async def test_marks_outlast_a_database_that_is_away(pool: Pool, conn: Connection, receiver: Receiver) -> None:
    endpoints = Endpoints()
    endpoints.add(FIRST, receiver.url())
    many = [new_delivery(FIRST, number=number) for number in range(20)]
    cut_off = Breakable(pool)
    async with sending(pool, endpoints, connections=cut_off.connection) as sender:
        await queue_and_offer(pool, sender, many)
        cut_off.broken = True
        await until(lambda: len(receiver.received) == 20 and cut_off.refused > 1)
        assert sender.in_hand > 0
        cut_off.broken = False
        await until(lambda: sender.in_hand == 0)
    assert await statuses(conn) == {"delivered": 20}
    assert len(receiver.received) == 20


async def test_one_that_was_stopped_for_long_does_not_overwrite_the_next(
    pool: Pool, conn: Connection, receiver: Receiver
) -> None:
    endpoints = Endpoints()
    endpoints.add(FIRST, receiver.url())
    new = new_delivery(FIRST)
    stopped = Breakable(pool)
    async with sending(pool, endpoints, owner="stopped", connections=stopped.connection) as zombie:
        await queue_and_offer(pool, zombie, [new])
        stopped.broken = True
        await until(lambda: len(receiver.received) == 1 and stopped.refused > 0)
        await end_leases(conn)
        async with sending(pool, endpoints, owner="next"):
            await until(lambda: _are(conn, delivered=1))
        marked = await row(conn, new.id)
        stopped.broken = False
        await until(lambda: zombie.in_hand == 0)
    assert await row(conn, new.id) == marked
    assert len(marked.attempts) == 1


async def test_a_queue_that_cannot_be_read_is_read_again(pool: Pool, conn: Connection, receiver: Receiver) -> None:
    endpoints = Endpoints()
    endpoints.add(FIRST, receiver.url())
    await enqueue(conn, [new_delivery(FIRST)], "a process that died", 60)
    await end_leases(conn)
    cut_off = Breakable(pool, broken=True)
    async with sending(pool, endpoints, connections=cut_off.connection):
        await until(lambda: cut_off.refused > 0)
        assert receiver.received == []
        cut_off.broken = False
        await until(lambda: _are(conn, delivered=1))


async def _are(conn: Connection, **expected: int) -> bool:
    return await statuses(conn) == expected
