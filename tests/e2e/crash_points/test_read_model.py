"""Death while the read model is written or rebuilt: it is what the log gives, and readable all the time."""

from __future__ import annotations

from infra.crash_points import CrashPoint
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import Shop

BESIDE = "select to_regclass('orders_beside') is not null"


@at(CrashPoint.PROJECTION_UNCOMMITTED)
def test_in_the_projections_transaction(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    stood = shop.position("orders")
    told = shop.sell()
    dies(armed, point)
    shop.wait_for_quiet("channel-manager projector")
    assert (shop.count("select count(*) from orders"), shop.position("orders")) == (0, stood)
    shop.start()
    shop.ask_again(told)
    shop.is_whole()


@at(CrashPoint.REBUILD_FILLED, CrashPoint.SWAP_UNCOMMITTED, CrashPoint.SWAP_COMMITTED)
def test_in_a_rebuild(point: CrashPoint, shop: Shop) -> None:
    """The service that goes on meanwhile sees nothing of it."""
    shop.start()
    shop.sell("BEFORE")
    rebuilding = shop.make("orders", command="rebuild", at=point).start()
    dies(rebuilding, point)
    shop.wait_for_quiet("channel-manager rebuild")
    assert shop.rows(BESIDE) == [(point is not CrashPoint.SWAP_COMMITTED,)]
    shop.sell("BETWEEN")
    assert shop.make("orders", command="rebuild").run_to_end()[0] == 0
    shop.sell("AFTER")
    shop.is_whole()
    assert shop.rows(BESIDE) == [(False,)]
