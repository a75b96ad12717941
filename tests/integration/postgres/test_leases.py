"""Leases: one holder at a time, by the database's clock for others and by its own for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from infra.postgres.connections import Pool, open_pool
from infra.postgres.leases import Lease


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await open_pool(dsn, application_name="leases", min_size=1, max_size=4)
    yield pool
    await pool.close()


async def run_out(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("UPDATE leases SET expires_at = clock_timestamp() - interval '1 millisecond'")


async def until(condition: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await condition.wait()


async def test_a_free_lease_is_taken_and_a_taken_one_is_not(pool: Pool) -> None:
    one, two = Lease(pool, "issuer", "one", 60), Lease(pool, "issuer", "two", 60)
    assert not one.held
    assert await one.acquire()
    assert (one.held, one.epoch) == (True, 1)
    assert not await two.acquire()
    assert (two.held, two.epoch) == (False, 0)
    assert await Lease(pool, "relay", "two", 60).acquire()


async def test_of_many_that_ask_at_once_one_gets_it(pool: Pool) -> None:
    leases = [Lease(pool, "issuer", f"owner {n}", 60) for n in range(12)]
    assert sum(await asyncio.gather(*(lease.acquire() for lease in leases))) == 1


async def test_another_takes_over_when_it_has_run_out_with_a_higher_epoch(pool: Pool) -> None:
    one, two = Lease(pool, "issuer", "one", 60), Lease(pool, "issuer", "two", 60)
    await one.acquire()
    await run_out(pool)
    assert await two.acquire()
    assert two.epoch == 2
    assert not await one.renew()
    assert not one.held
    assert not await one.acquire()


async def test_renewing_prolongs_the_tenure_and_keeps_the_epoch(pool: Pool) -> None:
    clock = Clock()
    lease = Lease(pool, "issuer", "one", 60, clock=clock)
    await lease.acquire()
    clock.now = 47.0
    assert lease.held
    assert await lease.renew()
    clock.now = 94.0
    assert lease.held
    assert await lease.acquire()
    assert lease.epoch == 1


async def test_the_holder_stops_by_its_own_clock_before_others_may_begin(pool: Pool) -> None:
    clock = Clock()
    lease = Lease(pool, "issuer", "one", 60, clock=clock)
    await lease.acquire()
    clock.now = 47.9
    assert lease.held
    clock.now = 48.0
    assert not lease.held


async def test_a_tenure_that_has_run_out_is_not_renewed_but_begun_anew(pool: Pool) -> None:
    lease = Lease(pool, "issuer", "one", 60)
    await lease.acquire()
    await run_out(pool)
    assert not await lease.renew()
    assert await lease.acquire()
    assert lease.epoch == 2


async def test_a_released_lease_is_free_at_once(pool: Pool) -> None:
    one, two = Lease(pool, "issuer", "one", 60), Lease(pool, "issuer", "two", 60)
    await one.acquire()
    await one.release()
    assert not one.held
    assert await two.acquire()
    await one.release()
    assert await two.renew()


async def test_holding_stands_by_works_and_hands_over(pool: Pool) -> None:
    begun = {name: asyncio.Event() for name in ("one", "two")}
    ended = asyncio.Event()
    leases = {name: Lease(pool, "issuer", name, 1) for name in begun}

    async def work(name: str) -> None:
        begun[name].set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    one = asyncio.create_task(leases["one"].hold(lambda: work("one")))
    await until(begun["one"])
    two = asyncio.create_task(leases["two"].hold(lambda: work("two")))
    assert leases["one"].held
    first = leases["one"].epoch
    assert not begun["two"].is_set()
    one.cancel()
    await asyncio.wait({one})
    assert ended.is_set()
    await until(begun["two"])
    assert leases["two"].epoch == first + 1
    two.cancel()
    await asyncio.wait({two})


async def test_work_is_ended_when_another_has_taken_the_lease(pool: Pool) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    holding = asyncio.create_task(Lease(pool, "issuer", "one", 1).hold(work))
    await until(begun)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE leases SET owner = 'thief', expires_at = clock_timestamp() + interval '1 hour'"
        )
    await until(ended)
    assert not holding.done()
    holding.cancel()
    await asyncio.wait({holding})


async def test_what_the_work_raises_ends_the_holding_and_frees_the_lease(pool: Pool) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Lease(pool, "issuer", "one", 60).hold(work)
    assert await Lease(pool, "issuer", "two", 60).acquire()


async def test_a_holder_that_hears_nothing_stops_in_time(pool: Pool) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    holding = asyncio.create_task(Lease(pool, "issuer", "one", 1).hold(work))
    await until(begun)
    async with pool.connection() as blocker, blocker.transaction():
        # Every renewal waits for this row now, as it would for a frozen server.
        await blocker.execute("SELECT FROM leases FOR UPDATE")
        await until(ended)
    holding.cancel()
    await asyncio.wait({holding})
