"""Death while settles are announced: each arrives, under one id, and rows and position stand together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.crash_points import CrashPoint
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.partner import new_partner
from tests.e2e.crash_points.shop import Shop
from tests.e2e.service import wait_for

SETTLES = """
select count(*) from stored_events where topic in ('order.issued.v1', 'order.drafted.v1', 'order.failed.v1')
"""
SETTLES_PASSED = f"""{SETTLES}
    and notification_id <= (select position from consumer_positions where name = 'webhooks')
"""
DELIVERIES = "select count(*) from webhook_deliveries"
LEASED = "select count(*) from webhook_deliveries where status = 'pending' and lease_owner is not null and tried = 0"
OPEN_TRANSACTIONS = """
select pid from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'
"""
PUBLISHER = "select from consumer_positions where name = 'webhooks' for update"
WAITING_PUBLISHER = """
select pid from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into webhook_deliveries%'
    and pid <> pg_backend_pid()
"""


def _together(shop: Shop) -> None:
    """What is queued is what the publisher's position has passed."""
    assert shop.count(DELIVERIES) == shop.count(SETTLES_PASSED)


def _in_hand_and_not_sent(shop: Shop) -> None:
    _together(shop)
    assert shop.count(LEASED) > 0
    assert not shop.arrived()


def _sent_and_not_marked(shop: Shop) -> None:
    _together(shop)
    assert shop.arrived()
    assert shop.count(LEASED) == shop.count(DELIVERIES)


def _marked(shop: Shop) -> None:
    _together(shop)
    assert shop.count(LEASED) < shop.count(DELIVERIES)


AT_DEATH: dict[CrashPoint, Callable[[Shop], None]] = {
    CrashPoint.DELIVERIES_QUEUED: _in_hand_and_not_sent,
    CrashPoint.DELIVERY_UNSENT: _in_hand_and_not_sent,
    CrashPoint.DELIVERY_SENT: _sent_and_not_marked,
    CrashPoint.DELIVERY_MARKED: _marked,
}


@at(*AT_DEATH)
def test_on_the_way_to_the_endpoint(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    told = shop.sell()
    dies(armed, point)
    AT_DEATH[point](shop)
    before = {one.webhook_id for one in shop.arrived()}
    shop.start()
    shop.ask_again(told)
    shop.is_whole()
    if point is CrashPoint.DELIVERY_SENT:
        again = [one.webhook_id for one in shop.arrived()]
        assert all(again.count(webhook_id) >= 2 for webhook_id in before)


@pytest.mark.parametrize("commits", [True, False], ids=["commits later", "never commits"])
@at(CrashPoint.DELIVERIES_QUEUING)
def test_in_the_middle_of_the_statement_that_queues(point: CrashPoint, commits: bool, shop: Shop) -> None:
    armed = shop.start(at=point)
    stood = shop.position("webhooks")
    with shop.held(PUBLISHER):
        told = shop.sell()
        dies(armed, point)
        ((publisher,),) = shop.rows(WAITING_PUBLISHER)
        if not commits:
            assert shop.rows("select pg_terminate_backend(%s)", publisher) == [(True,)]
    shop.wait_for_quiet("channel-manager")
    assert (shop.position("webhooks") > stood) == commits
    _together(shop)
    shop.start()
    shop.ask_again(told)
    shop.is_whole()


@at(CrashPoint.DELIVERIES_UNCOMMITTED)
def test_with_deliveries_written_and_not_committed(point: CrashPoint, shop: Shop) -> None:
    """A page that holds settles and the end of a subscription is written in a transaction of several statements."""
    shop.start("--port", "0", "--roles", "api,issuer,projector")
    client = shop.client(shop.partner.key)
    another = {"notificationUrl": f"{shop.endpoint.url}/another", "eventName": "ota_cm_order_processed"}
    ended = client.got("POST", "/webhook", another)["id"]
    told = shop.sell()
    wait_for("settled", lambda: shop.count(SETTLES) == len(told), 20)
    assert client.call("DELETE", f"/webhook/{ended}").status == 204
    stood = shop.position("webhooks")
    dies(shop.make("--roles", "webhooks", at=point).start(), point)
    wait_for("undone", lambda: not shop.rows(OPEN_TRANSACTIONS), 20)
    assert (shop.count(DELIVERIES), shop.position("webhooks")) == (0, stood)
    shop.start("--roles", "webhooks")
    shop.is_whole()


@at(CrashPoint.ENDPOINT_DISABLED)
def test_between_disabling_an_endpoint_and_its_deliveries(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    told = shop.sell(each=1)
    gone = new_partner(armed, shop.endpoint.gone_url)
    order = shop.order("GONE-1", by=gone)
    dies(armed, point)
    assert shop.events("subscription.disabled.v1") == 1
    assert shop.rows("select tried from webhook_deliveries where order_id = %s", order.order_id) == [(0,)]
    shop.start()
    shop.ask_again(told)
    assert order.order_id is not None
    shop.is_whole(told_elsewhere=frozenset({order.order_id}), dead_deliveries=1)
    assert shop.rows("select status from webhook_deliveries where order_id = %s", order.order_id) == [("dead",)]
    assert shop.events("subscription.disabled.v1") == 1
