"""Death while orders are issued or their jobs destroyed: each is settled once, by the job that it started with."""

from __future__ import annotations

from collections.abc import Callable

from infra.crash_points import CrashPoint
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import WHOLE_SECONDS, Shop
from tests.e2e.service import wait_for

SETTLED = ("order.issued.v1", "order.drafted.v1", "order.failed.v1")

EXPIRED = """
select convert_from(state, 'UTF8')::json #>> '{data,reason}',
    convert_from(state, 'UTF8')::json #>> '{metadata,actor,scope}'
from stored_events where topic = 'order.removed.v1' and originator_id = %s
"""


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


@at(CrashPoint.DRAFTS_DUE)
def test_with_drafts_found_whose_time_is_up(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    draft, paid = shop.order("R-1", paid=False), shop.order("R-2", paid=True)
    shop.wait_for_status(draft, "Draft")
    shop.wait_for_status(paid, "Issued")
    partner = f"/admin/partners/{shop.partner.partner_id}"
    shop.operator.got("PATCH", partner, {"draftTtlSeconds": 1})
    dies(armed, point)
    assert shop.events("order.removed.v1") == 0
    shop.start()
    wait_for("expired", lambda: shop.events("order.removed.v1") == 1, WHOLE_SECONDS)
    shop.is_whole()
    assert shop.rows(EXPIRED, draft.order_id) == [("expired", "draft-expiry")]
    assert shop.rows("select sum(held) = 0, sum(sold) > 0 from allotments") == [(True, True)]
    assert shop.order("R-1").outcome == "accepted"  # its reference is free again
