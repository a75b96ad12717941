"""What of an order cannot be had any more when it is issued: each line is named, and nothing is issued."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from msgspec.structs import replace

from domain.catalog.items import Catalog
from domain.order.content import ComponentVisit, OrderLine
from domain.personal import WalletName
from tests.unit.issuance.planning import COUPON, DAY, GROUP, PACKAGE, TICKET, TOUR, planned, refusal
from tests.unit.order.bodies import CATALOG


def catalog(item: int, **changes: Any) -> Catalog:
    """With one item changed."""
    items = list(CATALOG.items)
    items[item] = replace(items[item], **changes)
    return replace(CATALOG, items=tuple(items))


def closed(admission: int, *days: date) -> Catalog:
    admissions = list(CATALOG.admissions)
    admissions[admission] = replace(admissions[admission], closed=days)
    return replace(CATALOG, admissions=tuple(admissions))


def test_an_item_that_left_the_catalog_is_named_with_its_line() -> None:
    gone = replace(CATALOG, items=CATALOG.items[1:])
    assert refusal(COUPON, TICKET, catalog=gone) == (
        "unknown_item",
        "Line 200000: item 31001 on 2026-12-01 10:30:00 cannot be issued. It is not in the venue's catalog any more.",
    )


def test_without_a_catalog_nothing_is_issued() -> None:
    assert refusal(TICKET, catalog=None)[0] == "unknown_item"


@pytest.mark.parametrize("line", [TICKET, PACKAGE], ids=["ticket", "package"])
def test_an_item_that_went_off_sale_is_refused(line: OrderLine) -> None:
    reason, message = refusal(line, catalog=catalog(0 if line is TICKET else 4, sale_to=date(2026, 11, 30)))
    assert reason == "not_on_sale"
    assert message.endswith("This is sold for visits until 2026-11-30.")
    assert message.count("cannot be issued") == 1


def test_a_component_that_is_not_sold_alone_is_issued_in_its_package() -> None:
    assert planned(PACKAGE, catalog=catalog(1, sale_to=date(2020, 1, 1))).lines[0].wallets


def test_a_day_that_was_closed_meanwhile_is_refused() -> None:
    assert refusal(TICKET, catalog=closed(0, DAY))[0] == "closed_day"


def test_a_day_that_went_by_while_the_order_waited_is_refused_once_for_the_line() -> None:
    next_day = datetime(2026, 12, 1, 23, 0, 1, tzinfo=UTC)
    for line in (TICKET, PACKAGE):
        reason, message = refusal(line, issued_at=next_day)
        assert reason == "past_date"
        assert message.count("cannot be issued") == 1
    assert planned(TICKET, issued_at=datetime(2026, 12, 1, 22, 59, tzinfo=UTC)).lines[0].wallets


@pytest.mark.parametrize("line", [TOUR, PACKAGE], ids=["ticket", "package"])
def test_a_slot_that_ended_while_the_order_waited_is_issued(line: OrderLine) -> None:
    assert planned(line, issued_at=datetime(2026, 12, 1, 11, tzinfo=UTC)).lines[0].wallets


def test_a_slot_that_is_not_there_any_more_is_refused() -> None:
    tours = replace(CATALOG.admissions[1], slots=CATALOG.admissions[1].slots[1:])
    moved = replace(CATALOG, admissions=(CATALOG.admissions[0], tours))
    assert refusal(TOUR, catalog=moved)[0] == "no_such_slot"
    reason, message = refusal(COUPON, PACKAGE, catalog=moved)
    assert reason == "no_such_slot"
    assert message.startswith("Line 200000: item 31005 of package 40001 on 2026-12-01 10:30:00 cannot be issued. TOUR")
    afternoon = replace(PACKAGE, component_schedule=(ComponentVisit("31005", DAY, time(14, 30)),))
    assert planned(afternoon, catalog=moved).lines[0].wallets


def test_a_component_is_looked_at_on_its_own_day() -> None:
    elsewhen = replace(PACKAGE, component_schedule=(ComponentVisit("31005", date(2026, 12, 25), time(10)),))
    reason, message = refusal(elsewhen)
    assert reason == "closed_day"
    assert "item 31005 of package 40001 on 2026-12-25 10:00:00" in message
    on_a_closed_day = replace(PACKAGE, visit_date=date(2026, 12, 25))
    assert refusal(on_a_closed_day)[0] == "closed_day"
    scheduled = replace(on_a_closed_day, component_schedule=(ComponentVisit("31005", DAY, time(10)),))
    assert planned(scheduled).lines[0].wallets


# What has become another thing


def test_what_was_said_of_wallets_that_are_not_made_any_more_is_not_lost() -> None:
    named = replace(TICKET, wallet_names=(WalletName("Jane"), None))
    referenced = replace(GROUP, external_reference_numbers=("SCHOOL-5B",))
    reason, message = refusal(named, catalog=catalog(0, group_ticket=True))
    assert reason == "item_changed"
    assert message.endswith("It was ordered with 2 for its wallets, and has 1 of them now.")
    assert refusal(referenced, catalog=catalog(2, group_ticket=False))[0] == "item_changed"
    # Where nothing was said of them, they are as many as the catalog has it now.
    assert len(planned(TICKET, catalog=catalog(0, group_ticket=True)).lines[0].wallets) == 1
    assert len(planned(GROUP, catalog=catalog(2, group_ticket=False)).lines[0].wallets) == 24


def test_an_order_does_not_grow_beyond_what_one_may_have() -> None:
    lines = [replace(GROUP, quantity=9999)] * 3
    assert refusal(*lines, catalog=catalog(2, group_ticket=False)) == (
        "too_many",
        "The order has 29997 wallets now; at most 2000 can be issued.",
    )
    assert len(planned(replace(TICKET, quantity=3), max_wallets=3).lines[0].wallets) == 3
    assert refusal(replace(TICKET, quantity=4), max_wallets=3)[0] == "too_many"


def test_a_package_that_is_none_any_more_is_refused_and_so_is_the_other_way_round() -> None:
    assert refusal(replace(PACKAGE, item_number="31001"))[0] == "item_changed"
    assert refusal(replace(TICKET, item_number="40001"))[0] == "item_changed"


def test_a_visit_of_what_is_not_in_the_package_any_more_is_not_lost() -> None:
    scheduled = replace(PACKAGE, component_schedule=(ComponentVisit("31005", DAY, time(14, 30)),))
    reason, message = refusal(scheduled, catalog=catalog(4, components=CATALOG.items[4].components[1:]))
    assert reason == "item_changed"
    assert message.endswith("Item 31005 is not a component of it any more.")


def test_a_refusal_names_the_first_lines_and_counts_the_others() -> None:
    _, message = refusal(*[replace(TICKET, item_number="99999")] * 8)
    assert [f"Line {number}00000:" in message for number in (1, 5, 6)] == [True, True, False]
    assert message.endswith("And 3 more.")
