"""What a scrape says against what was done: real HTTP, real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest
from aiohttp import web

from infra.event_store.append import Append, NewEvent
from services.webhooks.role import webhooks_role
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, eventually, order_id, projecting
from tests.integration.telemetry.scraped import Scraped, scrape
from tests.integration.webhooks.receiver import Received, Receiver


async def _scrape_with(shop: Shop, holds: Callable[[Scraped], bool]) -> Scraped:
    """The first scrape of which it holds: figures of the database may be a second old."""

    async def look() -> Scraped | None:
        scraped = await scrape(shop)
        return scraped if holds(scraped) else None

    return await eventually(look)


async def _write(shop: Shop, statement: str, *parameters: object) -> None:
    async with shop.platform.pool.connection() as connection:
        await connection.execute(statement.encode(), parameters)


async def test_requests_are_counted_by_operation_and_status_with_their_time(shop: Shop) -> None:
    path = await shop.created(sellToOrderReference="A")
    await shop.created(sellToOrderReference="B")
    assert (await shop.create(sellToOrderReference="B")).status == 409
    assert (await shop.create(items=[])).status == 400
    assert (await shop.get(path)).status == 200
    assert (await shop.get("/nowhere")).status == 404
    assert (await shop.call("PATCH", path)).status == 405
    scraped = await scrape(shop)
    requests = "ota_cm_http_requests_total"
    for operation, status, count in (
        ("createOrder", "201", 2),
        ("createOrder", "409", 1),
        ("createOrder", "400", 1),
        ("createOrder", "500", 0),
        ("getOrder", "200", 1),
        ("none", "404", 1),
        ("none", "405", 1),
    ):
        assert scraped.value(requests, operation=operation, status=status) == count, (operation, status)
    assert scraped.value(requests, operation="getMetrics", status="200") is None  # this one is not answered yet
    seconds = "ota_cm_http_request_duration_seconds"
    labels = {"operation": "createOrder", "status_class": "4xx"}
    assert scraped.value(f"{seconds}_count", **labels) == scraped.value(f"{seconds}_bucket", le="+Inf", **labels) == 2
    longest = scraped.value(f"{seconds}_sum", **labels)
    assert longest is not None
    assert 0 < longest < 60


async def test_the_group_commit_tells_its_batches_and_their_time(shop: Shop) -> None:
    before = await scrape(shop)
    await asyncio.gather(*(shop.created() for _ in range(20)))
    after = await scrape(shop)

    def more(name: str) -> float:
        return (after.value(name) or 0) - (before.value(name) or 0)

    assert more("ota_cm_commit_batch_commands_sum") == more("ota_cm_commit_queue_wait_seconds_count") == 20
    assert 1 <= more("ota_cm_commit_batch_commands_count") == more("ota_cm_commit_duration_seconds_count") <= 20
    assert 0 < more("ota_cm_commit_duration_seconds_sum") < 60
    assert after.value("ota_cm_commit_queue_commands") == 0
    assert after.value("ota_cm_commit_broken_calls_total") == 0


async def test_a_call_that_broke_is_counted(shop: Shop) -> None:
    await shop.created()
    await _write(
        shop,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = 'channel-manager writer'",
    )
    await shop.created()  # sent again, over a new connection
    assert (await scrape(shop)).value("ota_cm_commit_broken_calls_total") == 1


async def test_orders_in_flight_and_how_long_the_oldest_has_been(shop: Shop) -> None:
    async with projecting(shop):
        old = await shop.created()
        await shop.created()
        await shop.projected()
        await _write(
            shop,
            "update orders set submitted_at = submitted_at - interval '1 hour', due_at = due_at - interval '10 minutes'"
            " where order_id = %s",
            order_id(old),
        )
        scraped = await _scrape_with(
            shop, lambda scraped: (scraped.value("ota_cm_orders_oldest_due_seconds") or 0) > 300
        )
        assert scraped.values("ota_cm_orders_in_flight", "status") == {"Submitted": 2, "Scheduled": 0, "Processing": 0}
        assert 3600 <= (scraped.value("ota_cm_orders_oldest_in_flight_seconds") or 0) < 3700
        assert 600 <= (scraped.value("ota_cm_orders_oldest_due_seconds") or 0) < 700
        async with shop.issuing():
            scraped = await _scrape_with(
                shop, lambda scraped: scraped.value("ota_cm_orders_in_flight", status="Submitted") == 0
            )
    assert scraped.value("ota_cm_orders_oldest_in_flight_seconds") == 0
    assert scraped.value("ota_cm_orders_oldest_due_seconds") == 0


async def test_drafts_that_expired_and_since_when_one_should_have(shop: Shop) -> None:
    async with projecting(shop), shop.issuing():
        await shop.draft()
        await shop.draft()
        await shop.projected()
        assert (await scrape(shop)).value("ota_cm_drafts_expired_total") == 0
    await _write(
        shop,
        "update orders set summary = convert_to(replace(convert_from(summary, 'UTF8'), stood, earlier), 'UTF8')"
        " from (select order_id, draft_issued_at(summary) at time zone 'UTC' as at from orders) made,"
        "  lateral (select to_json(at) #>> '{}' as stood, to_json(at - interval '1 hour') #>> '{}' as earlier) texts"
        " where orders.order_id = made.order_id",
    )
    await shop.call("PATCH", f"/admin/partners/{shop.partner_id}", {"draftTtlSeconds": 3_000}, key=OPERATOR_KEY)
    scraped = await _scrape_with(shop, lambda scraped: bool(scraped.value("ota_cm_drafts_overdue_seconds")))
    assert 600 <= (scraped.value("ota_cm_drafts_overdue_seconds") or 0) < 700
    async with projecting(shop):
        await shop.call("PATCH", f"/admin/partners/{shop.partner_id}", {"draftTtlSeconds": 1}, key=OPERATOR_KEY)
        async with shop.issuing():
            scraped = await _scrape_with(shop, lambda scraped: scraped.value("ota_cm_drafts_expired_total") == 2)
            await shop.projected()
            await _scrape_with(shop, lambda scraped: scraped.value("ota_cm_drafts_overdue_seconds") == 0)


async def test_where_each_consumer_of_the_log_stands(shop: Shop) -> None:
    await shop.created()
    head = await shop.head()
    scraped = await scrape(shop)
    assert scraped.value("ota_cm_log_position") == head
    nobody_works = dict.fromkeys(("issuer", "orders", "voids", "webhooks"), float(head))
    assert scraped.values("ota_cm_consumer_lag_positions", "consumer") == nobody_works
    assert all(0 < seconds < 600 for seconds in scraped.values("ota_cm_consumer_lag_seconds", "consumer").values())
    async with projecting(shop):
        await shop.projected()
    await _write(
        shop, "insert into consumer_positions (name, position, halted) values ('issuer', 1, 'a page is refused')"
    )
    scraped = await _scrape_with(shop, lambda scraped: bool(scraped.value("ota_cm_consumer_halted", consumer="issuer")))
    assert scraped.value("ota_cm_consumer_halted", consumer="orders") == 0
    assert scraped.value("ota_cm_consumer_position", consumer="orders") == head
    assert scraped.value("ota_cm_consumer_lag_positions", consumer="orders") == 0
    assert scraped.value("ota_cm_consumer_lag_seconds", consumer="orders") == 0
    assert scraped.value("ota_cm_consumer_lag_positions", consumer="issuer") == head - 1


async def test_a_parked_event_and_a_void_that_waits(shop: Shop) -> None:
    unknown = NewEvent(uuid4(), 1, "order.teleported.v9", b"{}")
    await shop.platform.group_commit.append(Append(uuid4(), [unknown]))
    await _write(shop, "insert into void_jobs (job_id, order_id) values (%s, %s)", uuid4(), uuid4())
    async with projecting(shop):
        scraped = await _scrape_with(shop, lambda scraped: scraped.value("ota_cm_parked_events") == 1)
    assert scraped.value("ota_cm_voids_waiting") == 1


async def test_deliveries_by_what_came_of_them(shop: Shop) -> None:
    async def refuse(received: Received) -> web.StreamResponse:
        # The first partner's endpoint works, the second one's does not.
        return web.Response(status=500 if received.path == "/broken" else 204)

    other = await shop.partner("Other")
    other_key = await shop.partner_key(other)
    async with Receiver(refuse) as receiver, projecting(shop), webhooks_role(shop.platform), shop.issuing():
        for key, path in ((shop.key, "/works"), (other_key, "/broken")):
            body = {"notificationUrl": receiver.url(path=path), "eventName": "ota_cm_order_processed"}
            assert (await shop.call("POST", "/webhook", body, key=key)).status == 201
        await shop.issued()
        body = shop.body(partnerId=other)
        assert (await shop.call("POST", "/channelManager", body, key=other_key)).status == 201

        def both(scraped: Scraped) -> bool:
            outcomes = scraped.values("ota_cm_webhook_deliveries_total", "outcome")
            return (
                outcomes == {"delivered": 1, "retry": 2, "dead": 1}
                and scraped.value("ota_cm_webhook_deliveries_dead") == 1
                and scraped.value("ota_cm_webhook_deliveries_pending") == 0
            )

        scraped = await _scrape_with(shop, both)
        assert scraped.value("ota_cm_webhook_attempt_duration_seconds_count") == 4
        assert scraped.value("ota_cm_webhook_oldest_due_seconds") == 0
    # Nobody takes them any more: one that is due says for how long.
    await _write(
        shop,
        "update webhook_deliveries set status = 'pending', finished_at = null, due_at = now() - interval '2 minutes'"
        " where status = 'dead'",
    )
    scraped = await _scrape_with(shop, lambda scraped: scraped.value("ota_cm_webhook_deliveries_pending") == 1)
    assert 120 <= (scraped.value("ota_cm_webhook_oldest_due_seconds") or 0) < 200
    assert scraped.value("ota_cm_webhook_deliveries_total", outcome="dead") is None  # that role has ended here


async def test_the_process_and_its_event_loop_are_told(shop: Shop) -> None:
    scraped = await _scrape_with(shop, lambda scraped: (scraped.value("ota_cm_event_loop_lag_seconds_count") or 0) >= 2)
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert (scraped.value(name) or 0) > 0, name
    assert scraped.value("ota_cm_admission_open") == 1
    assert scraped.values("ota_cm_build_info", "roles") == {"api,issuer,projector,webhooks": 1}


async def test_the_database_is_asked_once_a_second_however_often_it_is_scraped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    read = shop.platform.status.read

    async def counted() -> object:
        nonlocal looks
        looks += 1
        return await read()

    monkeypatch.setattr(shop.platform.status, "read", counted)
    loop = asyncio.get_running_loop()
    began = loop.time()
    scrapes = 0
    while looks < 2:
        for scraped in await asyncio.gather(*(scrape(shop) for _ in range(3))):
            assert scraped.value("ota_cm_postgres_up") == 1
            scrapes += 1
    assert scrapes > 3
    assert loop.time() - began >= 1.0


async def test_status_tells_the_same(shop: Shop) -> None:
    async with projecting(shop):
        await shop.created()
        await shop.projected()
    status = (await shop.get("/admin/status", key=OPERATOR_KEY)).body
    scraped = await scrape(shop)
    assert status["inFlight"] == scraped.values("ota_cm_orders_in_flight", "status")
    assert status["parkedEvents"] == scraped.value("ota_cm_parked_events")
    assert status["deadDeliveries"] == scraped.value("ota_cm_webhook_deliveries_dead")
    for one in status["consumers"]:
        assert one["lag"] == scraped.value("ota_cm_consumer_lag_positions", consumer=one["name"])
        assert one["position"] == scraped.value("ota_cm_consumer_position", consumer=one["name"])


async def test_nothing_of_a_guest_a_partner_or_a_key_is_told(shop: Shop) -> None:
    await shop.created(sellToName="Jane Doe", sellToEmail="jane@example.test")
    text = (await scrape(shop)).text
    for secret in ("Jane", "jane@", shop.partner_id, shop.key, OPERATOR_KEY, "R-1"):
        assert secret not in text
