"""Death while a command is saved, or between two halves of one: it took effect whole or not at all, and once."""

from __future__ import annotations

import pytest

from infra.crash_points import CrashPoint
from tests.e2e.client import NoAnswer
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import Shop

WRITERS = "select pg_advisory_xact_lock(779501)"
WAITING_WRITER = """
select pid from pg_locks where locktype = 'advisory' and objid = 779501 and not granted
    and database = (select oid from pg_database where datname = current_database())
"""


@at(CrashPoint.APPEND_UNSENT, CrashPoint.APPEND_COMMITTED)
def test_before_and_after_the_save(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    told = shop.sell(keyed=True)
    dies(armed, point)
    assert {one.outcome for one in told} == {"unknown"}
    stored = shop.events("order.submitted.v1")
    assert (stored > 0) == (point is CrashPoint.APPEND_COMMITTED)
    assert stored == shop.events("reference.reserved.v1")
    shop.start()
    assert shop.ask_again(told) == stored
    shop.is_whole()
    assert shop.events("order.submitted.v1") == len(told)


@pytest.mark.parametrize("commits", [True, False], ids=["commits later", "never commits"])
@at(CrashPoint.APPEND_RUNNING)
def test_in_the_middle_of_the_save(point: CrashPoint, commits: bool, shop: Shop) -> None:
    armed = shop.start(at=point)
    with shop.held(WRITERS):
        told = shop.sell()
        dies(armed, point)
        ((writer,),) = shop.rows(WAITING_WRITER)
        if not commits:
            assert shop.rows("select pg_terminate_backend(%s)", writer) == [(True,)]
    shop.wait_for_quiet("channel-manager writer")
    assert (shop.events("order.submitted.v1") > 0) == commits
    shop.start()
    shop.ask_again(told)
    shop.is_whole()
    assert shop.events("order.submitted.v1") == len(told)


@at(CrashPoint.ISSUER_CONFIRMED)
def test_between_the_issuers_confirmation_and_the_orders(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    draft = shop.order("R-1", paid=False)
    shop.wait_for_status(draft, "Draft")
    assert shop.confirm(draft).outcome == "unknown"
    dies(armed, point)
    assert shop.events("order.confirmed.v1") == 0
    shop.start()
    shop.wait_for_status(draft, "Draft")
    assert shop.confirm(draft).outcome == "accepted"
    shop.is_whole()
    assert shop.events("order.confirmed.v1") == 1


@at(CrashPoint.PARTNER_DISABLED)
def test_between_disabling_and_deleting_a_partner(point: CrashPoint, shop: Shop) -> None:
    armed = shop.start(at=point)
    told = shop.sell(each=1)
    other = shop.operator.got("POST", "/admin/partners", {"name": "Another"})["partnerId"]
    with pytest.raises(NoAnswer):
        shop.operator.call("DELETE", f"/admin/partners/{other}")
    dies(armed, point)
    assert (shop.events("partner.changed.v1"), shop.events("partner.deleted.v1")) == (1, 0)
    shop.start()
    assert shop.operator.got("GET", f"/admin/partners/{other}")["active"] is False
    assert shop.operator.call("DELETE", f"/admin/partners/{other}").status == 204
    assert shop.operator.call("GET", f"/admin/partners/{other}").status == 404
    assert {one.outcome for one in told} == {"accepted"}
    shop.is_whole()
