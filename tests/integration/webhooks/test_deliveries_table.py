"""The statements on `webhook_deliveries`, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from infra.postgres.connections import Connection, Pool
from infra.postgres.reads import Reads
from projections.webhook_backlog import Backlog, backlog
from projections.webhook_deliveries import (
    KEPT_ATTEMPTS,
    Attempt,
    LeasedDelivery,
    Outcome,
    kill_pending,
    next_due_seconds,
    prune,
    record_attempts,
    release,
    take_due,
)
from tests.integration.webhooks.queue import end_leases, enqueue, new_delivery, row, statuses

ME, OTHER = "me", "other"
MINE = UUID(int=1)
FAILED = Attempt(at="2026-11-23T10:15:31.000Z", status_code=500, duration_ms=12, error=None, response="no")
WELL = Attempt(at="2026-11-23T10:15:36.000Z", status_code=200, duration_ms=7, error=None, response="")


@pytest.fixture(params=[18, 16])
def dsn(dsn: str, request: pytest.FixtureRequest) -> str:
    """The statements work on the oldest PostgreSQL too."""
    return dsn if request.param == 18 else str(request.getfixturevalue("dsn16"))


async def take(
    conn: Connection, owner: str, *, limit: int = 100, each: int = 100, busy: tuple[UUID, ...] = ()
) -> list[LeasedDelivery]:
    return await take_due(conn, owner, lease_seconds=60, limit=limit, each=each, busy=busy)


async def test_rows_are_inserted_leased_to_their_writer(conn: Connection) -> None:
    new = new_delivery(MINE)
    assert await enqueue(conn, [new], ME, 60) == [LeasedDelivery(new.id, MINE, new.body.encode(), 0)]
    stored = await row(conn, new.id)
    assert (stored.status, stored.lease_owner, stored.tried, stored.attempts) == ("pending", ME, 0, [])
    assert stored.due_in == pytest.approx(60, abs=5)
    assert await take(conn, OTHER) == []


async def test_a_row_that_is_there_already_is_passed_over(conn: Connection) -> None:
    first, second = new_delivery(MINE), new_delivery(MINE)
    await enqueue(conn, [first], ME, 60)
    queued = await enqueue(conn, [first, second], OTHER, 60)
    assert [delivery.id for delivery in queued] == [second.id]
    assert (await row(conn, first.id)).lease_owner == ME


async def test_what_is_queued_dead_is_kept_and_not_sent(conn: Connection, pool: Pool) -> None:
    assert await enqueue(conn, [new_delivery(MINE, dead=True)], ME, 60) == []
    assert await statuses(conn) == {"dead": 1}
    assert await backlog(Reads(pool)) == Backlog(pending=0, oldest_due_seconds=0.0, dead=1)


async def test_queueing_is_part_of_the_callers_transaction(conn: Connection) -> None:
    async with conn.transaction(force_rollback=True):
        assert len(await enqueue(conn, [new_delivery(MINE)], ME, 60)) == 1
    assert await statuses(conn) == {}


async def test_a_row_whose_lease_ran_out_is_taken_by_whoever_comes(conn: Connection) -> None:
    new = new_delivery(MINE)
    await enqueue(conn, [new], ME, 60)
    await end_leases(conn)
    assert await take(conn, OTHER) == [LeasedDelivery(new.id, MINE, new.body.encode(), 0)]
    assert (await row(conn, new.id)).lease_owner == OTHER
    assert await take(conn, ME) == []


async def test_one_that_wakes_up_late_does_not_overwrite(conn: Connection) -> None:
    new = new_delivery(MINE)
    await enqueue(conn, [new], ME, 60)
    await end_leases(conn)
    await take(conn, OTHER)
    assert await record_attempts(conn, ME, [Outcome(new.id, "dead", None, FAILED)]) == set()
    assert (await row(conn, new.id)).status == "pending"
    assert await record_attempts(conn, OTHER, [Outcome(new.id, "delivered", None, WELL)]) == {new.id}
    assert await record_attempts(conn, ME, [Outcome(new.id, "pending", 5, FAILED)]) == set()
    assert (await row(conn, new.id)).status == "delivered"


async def test_outcomes_are_recorded_in_one_statement(conn: Connection) -> None:
    good, bad, worst, untried = (new_delivery(MINE) for _ in range(4))
    await enqueue(conn, [good, bad, worst, untried], ME, 60)
    outcomes = [
        Outcome(good.id, "delivered", None, WELL),
        Outcome(bad.id, "pending", 300, FAILED),
        Outcome(worst.id, "dead", None, FAILED),
        Outcome(untried.id, "pending", 2, None),
    ]
    assert await record_attempts(conn, ME, outcomes) == {good.id, bad.id, worst.id, untried.id}
    stored = await row(conn, good.id)
    assert (stored.status, stored.lease_owner, stored.due_in, stored.tried) == ("delivered", None, None, 1)
    assert stored.attempts == [
        {"at": "2026-11-23T10:15:36.000Z", "statusCode": 200, "durationMs": 7, "error": None, "response": ""}
    ]
    stored = await row(conn, bad.id)
    assert (stored.status, stored.lease_owner, stored.tried) == ("pending", None, 1)
    assert stored.due_in == pytest.approx(300, abs=5)
    assert (await row(conn, worst.id)).status == "dead"
    stored = await row(conn, untried.id)
    assert (stored.status, stored.tried, stored.attempts) == ("pending", 0, [])


async def test_only_the_latest_attempts_are_remembered(conn: Connection) -> None:
    new = new_delivery(MINE)
    await enqueue(conn, [new], ME, 60)
    for number in range(KEPT_ATTEMPTS + 5):
        attempt = Attempt(at="", status_code=500, duration_ms=number, error=None, response=None)
        await record_attempts(conn, ME, [Outcome(new.id, "pending", 0, attempt)])
        await take(conn, ME)
    stored = await row(conn, new.id)
    assert stored.tried == KEPT_ATTEMPTS + 5
    assert [attempt["durationMs"] for attempt in stored.attempts] == list(range(5, KEPT_ATTEMPTS + 5))


async def test_an_endpoint_with_a_long_queue_hides_no_other(conn: Connection) -> None:
    long, short = UUID(int=1), UUID(int=2)
    await enqueue(conn, [new_delivery(long, number=number) for number in range(50)], ME, 60)
    await enqueue(conn, [new_delivery(short)], ME, 60)
    await end_leases(conn)
    taken = await take(conn, OTHER, limit=20, each=10)
    assert sorted(delivery.subscription_id for delivery in taken) == [long] * 10 + [short]


async def test_busy_endpoints_are_left_out(conn: Connection) -> None:
    busy, free = UUID(int=1), UUID(int=2)
    await enqueue(conn, [new_delivery(busy), new_delivery(free)], ME, 60)
    await end_leases(conn)
    assert [delivery.subscription_id for delivery in await take(conn, OTHER, busy=(busy,))] == [free]
    assert await next_due_seconds(conn, [busy]) == pytest.approx(60, abs=5)
    due = await next_due_seconds(conn)
    assert due is not None
    assert due <= 0


async def test_nothing_pending_is_never_due(conn: Connection) -> None:
    assert await next_due_seconds(conn) is None
    await enqueue(conn, [new_delivery(MINE, dead=True)], ME, 60)
    assert await next_due_seconds(conn) is None
    assert await take(conn, OTHER) == []


async def test_takers_at_the_same_time_get_different_rows(conn: Connection, pool: Pool) -> None:
    await enqueue(conn, [new_delivery(UUID(int=number % 5)) for number in range(200)], ME, 60)
    await end_leases(conn)

    async def taker(name: str) -> list[UUID]:
        taken: list[UUID] = []
        async with pool.connection() as own:
            while len(taken) < 200:
                rows = await take(own, name, limit=7, each=3)
                if not rows and (await next_due_seconds(own) or 0) > 0:
                    break
                taken += [delivery.id for delivery in rows]
        return taken

    per_taker = await asyncio.gather(*(taker(f"taker {number}") for number in range(4)))
    everything = [delivery_id for taken in per_taker for delivery_id in taken]
    assert len(everything) == len(set(everything)) == 200


async def test_what_is_given_back_is_due_at_once(conn: Connection) -> None:
    given, kept = new_delivery(MINE), new_delivery(MINE)
    await enqueue(conn, [given, kept], ME, 60)
    await release(conn, OTHER, [kept.id])
    await release(conn, ME, [given.id])
    assert [delivery.id for delivery in await take(conn, OTHER)] == [given.id]


async def test_pending_deliveries_of_an_ended_subscription_become_dead(conn: Connection) -> None:
    waiting, done, others = new_delivery(MINE), new_delivery(MINE), new_delivery(UUID(int=2))
    await enqueue(conn, [waiting, done, others], ME, 60)
    await record_attempts(
        conn, ME, [Outcome(waiting.id, "pending", 300, FAILED), Outcome(done.id, "delivered", None, WELL)]
    )
    assert await kill_pending(conn, [MINE]) == 1
    assert [(await row(conn, one.id)).status for one in (waiting, done, others)] == ["dead", "delivered", "pending"]


async def test_one_in_hand_when_its_subscription_ends_is_delivered_if_it_was_and_else_dead(conn: Connection) -> None:
    arrived, failed = new_delivery(MINE), new_delivery(MINE)
    await enqueue(conn, [arrived, failed], ME, 60)
    await kill_pending(conn, [MINE])
    outcomes = [Outcome(arrived.id, "delivered", None, WELL), Outcome(failed.id, "pending", 5, FAILED)]
    assert await record_attempts(conn, ME, outcomes) == {arrived.id, failed.id}
    assert (await row(conn, arrived.id)).status == "delivered"
    stored = await row(conn, failed.id)
    assert (stored.status, stored.due_in, stored.tried) == ("dead", None, 1)


async def test_finished_deliveries_are_kept_for_their_time(conn: Connection) -> None:
    ages = {"delivered": (29, 31), "dead": (31, 89, 91), "pending": (400,)}
    for status, days in ages.items():
        for age in days:
            new = new_delivery(MINE, dead=status == "dead")
            await enqueue(conn, [new], ME, 60)
            if status == "delivered":
                await record_attempts(conn, ME, [Outcome(new.id, "delivered", None, WELL)])
            await conn.execute(
                "update webhook_deliveries set created_at = created_at - make_interval(days => %s),"
                " finished_at = finished_at - make_interval(days => %s) where id = %s",
                (age, age, new.id),
            )
    assert await prune(conn, delivered_days=30, dead_days=90, limit=1) == 1
    assert await prune(conn, delivered_days=30, dead_days=90) == 1
    assert await prune(conn, delivered_days=30, dead_days=90) == 0
    assert await statuses(conn) == {"delivered": 1, "dead": 2, "pending": 1}


async def test_a_delivery_recovered_lately_is_kept_however_old_it_is(conn: Connection) -> None:
    new = new_delivery(MINE)
    await enqueue(conn, [new], ME, 60)
    await conn.execute("update webhook_deliveries set created_at = created_at - interval '60 days'")
    await record_attempts(conn, ME, [Outcome(new.id, "delivered", None, WELL)])
    assert await prune(conn, delivered_days=30, dead_days=90) == 0


async def test_no_statement_scans_the_table(conn: Connection, pool: Pool) -> None:
    await conn.execute(
        "insert into webhook_deliveries (id, subscription_id, order_id, position, event_name, body, status, created_at,"
        " finished_at) select gen_random_uuid(), %s, gen_random_uuid(), n, 'e', %s, 'delivered', now(), now()"
        " from generate_series(1, 20000) n",
        (MINE, b"x" * 300),
    )
    await conn.execute("vacuum webhook_deliveries")
    before = await _scans(conn)
    for _ in range(8):
        new = [new_delivery(uuid4()) for _ in range(20)]
        await enqueue(conn, new, ME, 60)
        await end_leases_of(conn, [one.id for one in new])
        taken = await take(conn, ME)
        assert len(taken) == 20
        await next_due_seconds(conn)
        await release(conn, ME, [one.id for one in new[:5]])
        await record_attempts(conn, ME, [Outcome(one.id, "delivered", None, WELL) for one in new[5:]])
        await kill_pending(conn, [one.subscription_id for one in new])
        assert (await backlog(Reads(pool))).dead >= 5
    assert await _scans(conn) == before


async def end_leases_of(conn: Connection, ids: list[UUID]) -> None:
    await conn.execute("set enable_seqscan = off")
    await conn.execute("update webhook_deliveries set due_at = now() where id = any (%s)", (ids,))
    await conn.execute("reset enable_seqscan")


async def _scans(conn: Connection) -> int:
    await conn.execute("select pg_stat_force_next_flush()")
    cursor = await conn.execute(
        "select seq_scan from pg_stat_user_tables where relname = 'webhook_deliveries'", prepare=False
    )
    found = await cursor.fetchone()
    assert found is not None
    return int(found[0])
