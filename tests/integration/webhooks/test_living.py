"""Deliveries in the hand of a sender that died are sent by another within seconds; one that lives keeps its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from infra.postgres.connections import Connection, Pool, open_pool
from infra.postgres.errors import DatabaseUnavailable
from services.webhooks.living import Living
from tests.integration.webhooks.queue import enqueue, new_delivery, row
from tests.own_server import OwnServer

FIRST = UUID(int=1)


def _nothing() -> None:
    """For those whose server does not start again."""


async def _begun(pool: Pool, owner: str, *held: UUID, on_restart: Callable[[], None] = _nothing) -> Living:
    begun = Living(pool, owner, lambda: held, on_restart)
    await begun.begin()
    return begun


async def _lapse(conn: Connection, owner: str) -> None:
    """As if this sender had not renewed its lease for long."""
    await conn.execute("update leases set expires_at = now() - interval '1 second' where owner = %s", (owner,))


async def test_what_a_dead_sender_had_in_hand_is_due_at_once(pool: Pool, conn: Connection) -> None:
    await _begun(pool, "dead")
    alive = await _begun(pool, "alive")
    theirs, ours = new_delivery(FIRST), new_delivery(FIRST)
    await enqueue(conn, [theirs], "dead", 60)
    await enqueue(conn, [ours], "alive", 60)
    assert await alive.look() == 0
    await _lapse(conn, "dead")
    assert await alive.look() == 1
    given_back, kept = await row(conn, theirs.id), await row(conn, ours.id)
    assert (given_back.lease_owner, given_back.status) == (None, "pending")
    assert given_back.due_in is not None
    assert given_back.due_in <= 0
    assert kept.lease_owner == "alive"
    assert await alive.look() == 0


async def test_leases_of_other_kinds_are_left_alone(pool: Pool, conn: Connection) -> None:
    await conn.execute("insert into leases values ('issuer', 'dead', 7, now() - interval '1 hour')")
    alive = await _begun(pool, "alive")
    await alive.look()
    cursor = await conn.execute("select epoch from leases where name = 'issuer'")
    assert await cursor.fetchone() == (7,)


@asynccontextmanager
async def _pool(server: OwnServer) -> AsyncIterator[Pool]:
    opened = await open_pool(server.dsn, application_name="test", min_size=1, max_size=2)
    try:
        yield opened
    finally:
        await opened.close()


async def _killed(server: OwnServer, pool: Pool, whole: bool) -> None:
    """One session, after whose crash the server recovers under the same first process; or all of it."""
    async with pool.connection() as conn:
        session = conn.info.backend_pid
    if whole:
        await asyncio.to_thread(server.kill_postmaster)
    else:
        assert await asyncio.to_thread(server.processes.signal, session, signal.SIGKILL)
    await asyncio.to_thread(server.server.ensure)


@pytest.mark.parametrize("whole", [False, True])
async def test_what_a_server_forgot_that_crashed_is_due_at_once(own_server: OwnServer, whole: bool) -> None:
    """A mark that was lost with it leaves the row leased, although the sender has let go of it."""
    forgotten, in_hand, others = new_delivery(FIRST), new_delivery(FIRST), new_delivery(FIRST)
    restarts: list[str] = []
    async with _pool(own_server) as pool:
        alive = await _begun(pool, "alive", in_hand.id, on_restart=lambda: restarts.append("told"))
        async with pool.connection() as conn:
            await enqueue(conn, [forgotten, in_hand], "alive", 60)
            await enqueue(conn, [others], "another", 60)
            await conn.execute("checkpoint")  # what stays leased is on the disk
        assert await alive.look() == 0
        assert restarts == []
        await _killed(own_server, pool, whole)
        assert await _once_it_is_back(alive.look) == 1
        assert restarts == ["told"]
        async with pool.connection() as conn:
            assert (await row(conn, forgotten.id)).lease_owner is None
            assert (await row(conn, in_hand.id)).lease_owner == "alive"
            assert (await row(conn, others.id)).lease_owner == "another"
        assert await alive.look() == 0
        assert restarts == ["told"]


async def _once_it_is_back(look: Callable[[], Awaitable[int]]) -> int:
    async with asyncio.timeout(30):
        while True:
            with suppress(DatabaseUnavailable):
                return await look()
            await asyncio.sleep(0.05)
