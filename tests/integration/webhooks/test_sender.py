"""Sending, retrying and marking, against real endpoints and a real table."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from infra.postgres.connections import Connection, Pool
from projections.webhook_deliveries import message_id
from services.webhooks.limits import Limits
from tests.integration.webhooks.queue import end_leases, enqueue, new_delivery, row, statuses, until
from tests.integration.webhooks.receiver import Receiver, always, hanging, in_turn
from tests.integration.webhooks.sending import SECRET, Endpoints, queue_and_offer, sending

FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture
def endpoints(receiver: Receiver) -> Endpoints:
    known = Endpoints()
    known.add(FIRST, receiver.url())
    return known


async def all_are(conn: Connection, **expected: int) -> bool:
    return await statuses(conn) == expected


async def test_a_delivery_is_a_signed_post_of_its_bytes(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    new = new_delivery(FIRST)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: all_are(conn, delivered=1))
    [received] = receiver.received
    assert received.body == new.body.encode()
    assert received.headers["content-type"] == "application/json"
    assert received.headers["content-length"] == str(len(new.body.encode()))
    assert received.message_id == message_id(new.id)
    assert Webhook(SECRET).verify(received.body, received.headers) == {"number": 1}
    assert "cookie" not in received.headers
    [attempt] = (await row(conn, new.id)).attempts
    assert (attempt["statusCode"], attempt["error"], attempt["response"]) == (200, None, "")


async def test_with_two_secrets_either_verifies(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    other = "whsec_" + "QUJD" * 8
    endpoints.add(FIRST, receiver.url(), other, SECRET)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new_delivery(FIRST)])
        await until(lambda: all_are(conn, delivered=1))
    [received] = receiver.received
    for secret in (other, SECRET):
        assert Webhook(secret).verify(received.body, received.headers) == {"number": 1}


async def test_every_attempt_has_the_same_id_and_bytes_and_its_own_signature(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    receiver.answer = in_turn(500, 302, 404, 200)
    new = new_delivery(FIRST)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: all_are(conn, delivered=1))
    assert {(received.message_id, received.body) for received in receiver.received} == {
        (message_id(new.id), new.body.encode())
    }
    for received in receiver.received:
        assert Webhook(SECRET).verify(received.body, received.headers) == {"number": 1}
    stored = await row(conn, new.id)
    assert [attempt["statusCode"] for attempt in stored.attempts] == [500, 302, 404, 200]
    assert stored.tried == 4


async def test_after_the_last_wait_it_is_dead(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    receiver.answer = always(500, "\0broken " + "x" * 5_000)
    new = new_delivery(FIRST)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: all_are(conn, dead=1))
    stored = await row(conn, new.id)
    assert len(stored.attempts) == len(receiver.received) == 4
    response = stored.attempts[0]["response"]
    assert response.startswith("\N{REPLACEMENT CHARACTER}broken xxx")
    assert len(response) == 1_024


async def test_410_disables_the_subscription(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    receiver.answer = always(410)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new_delivery(FIRST)])
        await until(lambda: all_are(conn, dead=1))
        await queue_and_offer(pool, sender, [new_delivery(FIRST)])
        await until(lambda: all_are(conn, dead=2))
    assert endpoints.gone == [FIRST]
    assert len(receiver.received) == 1


async def test_410_is_met_again_where_disabling_did_not_work(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer = always(410)
    refused: list[UUID] = []
    disable = endpoints.on_gone

    async def at_the_second_time(subscription_id: UUID) -> None:
        if not refused:
            refused.append(subscription_id)
            raise RuntimeError("the store is away")
        await disable(subscription_id)

    monkeypatch.setattr(endpoints, "on_gone", at_the_second_time)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new_delivery(FIRST)])
        await until(lambda: all_are(conn, dead=1))
    assert (refused, endpoints.gone) == ([FIRST], [FIRST])
    assert len(receiver.received) == 2


async def test_nothing_is_sent_to_a_disabled_endpoint(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    endpoints.disable(FIRST)
    new = new_delivery(FIRST)
    async with sending(pool, endpoints) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: all_are(conn, dead=1))
    assert receiver.received == []
    assert (await row(conn, new.id)).attempts == []


async def test_one_of_a_subscription_not_heard_of_yet_stays_pending(
    pool: Pool, conn: Connection, receiver: Receiver
) -> None:
    new = new_delivery(FIRST)
    async with sending(pool, Endpoints()) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: sender.in_hand == 0)
    stored = await row(conn, new.id)
    assert (stored.status, stored.tried, stored.attempts) == ("pending", 0, [])
    assert receiver.received == []


async def test_an_endpoint_that_hangs_delays_no_other(
    pool: Pool, conn: Connection, receiver: Receiver, other_receiver: Receiver, endpoints: Endpoints
) -> None:
    release = asyncio.Event()
    receiver.answer = hanging(release)
    endpoints.add(SECOND, other_receiver.url())
    async with sending(pool, endpoints, limits=Limits(at_once=4)) as sender:
        slow = [new_delivery(FIRST, number=number) for number in range(100)]
        quick = [new_delivery(SECOND, number=number) for number in range(100)]
        await queue_and_offer(pool, sender, [*slow, *quick])
        await until(lambda: all_are(conn, delivered=100, pending=100))
        assert len(other_receiver.received) == 100
        assert receiver.most_under_way == 4
        release.set()
        await until(lambda: all_are(conn, delivered=200))
    assert sorted(receiver.message_ids) == sorted(message_id(delivery.id) for delivery in slow)


async def test_an_endpoint_that_keeps_up_is_sent_more_at_once(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    release = asyncio.Event()
    async with sending(pool, endpoints, limits=Limits(at_once=2, at_once_quick=5)) as sender:
        await queue_and_offer(pool, sender, [new_delivery(FIRST)])
        await until(lambda: all_are(conn, delivered=1))
        receiver.answer = hanging(release)
        await queue_and_offer(pool, sender, [new_delivery(FIRST, number=number) for number in range(20)])
        await until(lambda: receiver.under_way == 5)
        receiver.answer = in_turn(500, 200)
        release.set()
        await until(lambda: all_are(conn, delivered=21))
    assert receiver.most_under_way == 5


async def test_an_endpoint_that_does_not_answer_in_time_is_tried_again(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    receiver.answer = hanging(asyncio.Event())
    new = new_delivery(FIRST)
    async with sending(pool, endpoints, limits=Limits(attempt_seconds=0.1), waits=[60]) as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: sender.in_hand == 0)
    stored = await row(conn, new.id)
    [attempt] = stored.attempts
    assert (attempt["statusCode"], attempt["error"]) == (None, "no answer in time")
    assert attempt["durationMs"] >= 100
    assert stored.due_in == pytest.approx(60, abs=10)


async def test_what_is_due_in_the_table_is_sent(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    left = [new_delivery(FIRST, number=number) for number in range(250)]
    await enqueue(conn, left, "a process that died", 60)
    await end_leases(conn)
    async with sending(pool, endpoints, limits=Limits(taken_each=20, taken=50)):
        await until(lambda: all_are(conn, delivered=250))
    assert sorted(receiver.message_ids) == sorted(message_id(delivery.id) for delivery in left)


async def test_what_does_not_fit_in_memory_is_left_to_the_table(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    many = [new_delivery(FIRST, number=number) for number in range(200)]
    async with sending(pool, endpoints, limits=Limits(at_once=2, queued=10, held=15, taken_each=5)) as sender:
        await queue_and_offer(pool, sender, many)
        assert sender.in_hand <= 15
        await until(lambda: all_are(conn, delivered=200))
    assert sorted(receiver.message_ids) == sorted(message_id(delivery.id) for delivery in many)


async def test_two_senders_over_one_table_send_each_delivery_once(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    left = [new_delivery(FIRST, number=number) for number in range(200)]
    await enqueue(conn, left, "a process that died", 60)
    await end_leases(conn)
    limits = Limits(taken_each=10, taken=20)
    async with (
        sending(pool, endpoints, owner="one", limits=limits),
        sending(pool, endpoints, owner="two", limits=limits),
    ):
        await until(lambda: all_are(conn, delivered=200))
    assert sorted(receiver.message_ids) == sorted(message_id(delivery.id) for delivery in left)


async def test_stopping_lets_attempts_end_and_gives_the_rest_back(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    release = asyncio.Event()
    receiver.answer = hanging(release)
    many = [new_delivery(FIRST, number=number) for number in range(10)]
    async with sending(pool, endpoints, limits=Limits(at_once=2)) as sender:
        await queue_and_offer(pool, sender, many)
        await until(lambda: receiver.under_way == 2)
        stopping = asyncio.create_task(sender.stop(10))
        release.set()
        await stopping
    assert await statuses(conn) == {"delivered": 2, "pending": 8}
    for delivery in many[2:]:
        stored = await row(conn, delivery.id)
        assert stored.lease_owner is None
        assert stored.due_in is not None
        assert stored.due_in <= 0
    assert len(receiver.received) == 2


async def test_what_cannot_end_before_the_deadline_is_repeated_by_the_next_process(
    pool: Pool, conn: Connection, receiver: Receiver, endpoints: Endpoints
) -> None:
    receiver.answer = hanging(asyncio.Event())
    new = new_delivery(FIRST)
    async with sending(pool, endpoints, owner="one") as sender:
        await queue_and_offer(pool, sender, [new])
        await until(lambda: receiver.under_way == 1)
    receiver.answer = always(200)
    async with sending(pool, endpoints, owner="two"):
        await until(lambda: all_are(conn, delivered=1))
    assert receiver.message_ids == [message_id(new.id)] * 2
    assert len({json.dumps(json.loads(received.body)) for received in receiver.received}) == 1
