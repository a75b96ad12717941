"""Death while a process starts or stops: the next start goes on from what is there, and loses no secret, no order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infra.crash_points import CrashPoint
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.partner import new_partner, publish_catalog
from tests.e2e.crash_points.shop import MakeService, Shop
from tests.e2e.service import Service


def _nothing_started(data: Path) -> None:
    assert (data / "start.lock").exists()
    assert not (data / "pg18.new").exists()


def _unfinished(data: Path) -> None:
    assert (data / "pg18.new" / "PG_VERSION").exists()
    assert not (data / "pg18").exists()


def _launched(data: Path) -> None:
    assert (data / "pg18" / "PG_VERSION").exists()


def _drafted(data: Path) -> None:
    assert list(data.glob("master.key.*"))
    assert not (data / "master.key").exists()


AT_DEATH: dict[CrashPoint, Callable[[Path], None]] = {
    CrashPoint.POSTGRES_START_LOCKED: _nothing_started,
    CrashPoint.CLUSTER_MADE: _unfinished,
    CrashPoint.POSTGRES_LAUNCHED: _launched,
    CrashPoint.SECRET_DRAFTED: _drafted,
}


@at(*AT_DEATH)
def test_in_the_first_start(point: CrashPoint, embedded_shop: Shop) -> None:
    shop = embedded_shop
    armed = shop.make(at=point).start()
    dies(armed, point)
    AT_DEATH[point](armed.data)
    started = shop.start()
    shop.trades_as(new_partner(started, shop.endpoint.url))
    shop.sell(each=1)
    shop.is_whole()


@at(CrashPoint.POSTGRES_STOPPING)
def test_in_the_stop(point: CrashPoint, embedded_shop: Shop) -> None:
    shop = embedded_shop
    armed = shop.start(at=point)
    shop.trades_as(new_partner(armed, shop.endpoint.url))
    told = shop.sell()
    armed.terminate()
    dies(armed, point)
    assert {one.outcome for one in told} == {"accepted"}
    shop.start()
    shop.sell("LATER", each=1)
    shop.is_whole()


@at(CrashPoint.MIGRATION_UNCOMMITTED, CrashPoint.MIGRATION_COMMITTED)
def test_in_a_migration(point: CrashPoint, empty_shop: Shop) -> None:
    shop = empty_shop
    dies(shop.make(command="migrate", at=point, time=3).start(), point)
    shop.wait_for_quiet("channel-manager migrate")
    applied = 3 if point is CrashPoint.MIGRATION_COMMITTED else 2
    assert shop.count("select count(*) from schema_migrations") == applied
    assert shop.rows("select to_regclass('leases') is not null") == [(applied == 3,)]
    started = shop.start()
    publish_catalog(started.client())
    shop.trades_as(new_partner(started, shop.endpoint.url))
    shop.sell()
    shop.is_whole()


def test_an_unknown_point_is_one_line_and_exit_status_2(service: MakeService) -> None:
    refused: Service = service(settings={"OTA_CM_CRASH_AT": "nowhere"})
    status, output = refused.run_to_end()
    assert (status, len(output.splitlines())) == (2, 1), output
    assert output.startswith("channel-manager: OTA_CM_CRASH_AT: a crash point, or `name:n`")
    assert not refused.data.exists()
