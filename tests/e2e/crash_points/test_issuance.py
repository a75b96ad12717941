"""Death while orders are issued or their jobs destroyed: each is settled once, by the job that it started with."""

from __future__ import annotations

from collections.abc import Callable

from infra.crash_points import CrashPoint
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import Shop

SETTLED = ("order.issued.v1", "order.drafted.v1", "order.failed.v1")


def _nothing_leased(shop: Shop) -> None:
    assert shop.events("order.submitted.v1") > 0
    assert shop.events("order.processing.v1") == 0


def _leased_and_not_settled(shop: Shop) -> None:
    assert shop.events("order.processing.v1") > 0
    assert shop.events(*SETTLED) == 0


def _settled_and_the_feed_behind(shop: Shop) -> None:
    # Settled as a rule; an outcome that takes long to save is left to its lease.
    assert shop.events("order.processing.v1") > 0
    ((first,),) = shop.rows("select min(notification_id) from stored_events where topic = 'order.submitted.v1'")
    assert shop.position("issuer") < first


AT_DEATH: dict[CrashPoint, Callable[[Shop], None]] = {
    CrashPoint.BATCH_TAKEN: _nothing_leased,
    CrashPoint.PROCESSING_SAVED: _leased_and_not_settled,
    CrashPoint.JOB_ISSUED: _leased_and_not_settled,
    CrashPoint.OUTCOME_SAVED: _settled_and_the_feed_behind,
}


@at(*AT_DEATH)
def test_on_the_way_through_the_saga(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    told = shop.sell()
    dies(armed, point)
    AT_DEATH[point](shop)
    shop.start()
    shop.ask_again(told)
    shop.is_whole()


@at(CrashPoint.ORDERS_SWEPT)
def test_in_the_sweeper_that_takes_up_what_a_death_left(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=CrashPoint.PROCESSING_SAVED)
    told = shop.sell()
    dies(armed, CrashPoint.PROCESSING_SAVED)
    left = shop.events("order.processing.v1")
    # The feed waits for its cadence: on a slow machine it would meet the orders after their leases have run out.
    sweeping = shop.start(at=point, settings={"OTA_CM_PICKUP_SECONDS": "1000000000"})
    dies(sweeping, point)
    assert shop.events("order.issuance_resumed.v1") == 0
    shop.start()
    shop.ask_again(told)
    shop.is_whole()
    assert shop.events("order.issuance_resumed.v1") == left


@at(CrashPoint.VOIDS_TAKEN, CrashPoint.VOID_DONE)
def test_while_jobs_are_destroyed(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    order = shop.order("R-1", paid=point is CrashPoint.VOID_DONE)
    shop.wait_for_status(order, "Issued" if point is CrashPoint.VOID_DONE else "Draft")
    assert shop.cancel(order).outcome == "accepted"  # cancelled, or as a Draft removed
    dies(armed, point)
    assert shop.rows("select attempts from void_jobs") == [(1,)]
    shop.start()
    shop.sell(each=1)
    shop.is_whole()
