"""`/catalog` and `/availability`: what partners can buy, and how much of it is left."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.api.serving import Answer, Api
from tests.integration.api.venue import CLOSED, DAY, TEN, TODAY, publish, taken, venue_catalog


@pytest.fixture
async def partner(api: Api) -> str:
    """A partner's key."""
    return await api.partner_key(await api.partner())


async def _available(api: Api, item: str, first: date = DAY, last: date = DAY, **how: Any) -> Answer:
    return await api.call("GET", f"/availability?itemNumber={item}&from={first}&to={last}", **how)


async def _rows(api: Api, item: str, first: date = DAY, last: date = DAY) -> list[tuple[Any, ...]]:
    answer = await _available(api, item, first, last)
    assert answer.status == 200, answer.text
    assert all(list(row) == ["visitDate", "slotStart", "capacity", "free"] for row in answer.body["data"])
    return [tuple(row.values()) for row in answer.body["data"]]


# The items on sale


async def test_a_partner_reads_what_is_on_sale(api: Api, partner: str) -> None:
    await publish(api)
    answer = await api.call("GET", "/catalog", key=partner)
    assert answer.status == 200
    assert "numberPattern" not in answer.text
    assert '"unitPriceInclVat":125.00' in answer.text
    day_ticket, _, _, package = answer.body["items"]
    assert day_ticket["unitPriceExclVat"] == Decimal("100.00")
    assert day_ticket["descriptions"] == {"DAN": "Dagsbillet, voksen"}
    assert [component["description"] for component in package["components"]] == ["Guided tour", "Coffee"]
    assert [admission["admission"] for admission in answer.body["admissions"]] == ["MAIN", "TOUR"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_what_is_on_sale_is_read_anew_only_where_it_may_have_changed(api: Api) -> None:
    await publish(api)
    first = await api.call("GET", "/catalog")
    tag = first.headers["ETag"]
    for same in (tag, f"W/{tag}", "*"):
        again = await api.call("GET", "/catalog", headers={"If-None-Match": same})
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    await publish(api)
    changed = await api.call("GET", "/catalog", headers={"If-None-Match": tag})
    assert (changed.status, changed.body["version"]) == (200, 2)
    assert changed.headers["ETag"] not in {tag, '"v2"'}  # what is sold until today is gone tomorrow


async def test_what_is_not_sold_any_more_is_left_out(api: Api) -> None:
    catalog = venue_catalog()
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    catalog["items"][0]["saleTo"] = yesterday
    catalog["items"][2] |= {"saleFrom": DAY.isoformat(), "saleTo": DAY.isoformat()}
    await publish(api, catalog)
    shown = (await api.call("GET", "/catalog")).body["items"]
    assert [item["itemNumber"] for item in shown] == ["31005", "33001", "40001"]


async def test_before_the_first_catalog_nothing_is_on_sale(api: Api) -> None:
    assert (await api.call("GET", "/catalog")).code == "resource_not_found"
    assert (await _available(api, "31001")).faults == [("/itemNumber", "unknown_item")]


async def test_a_catalog_of_another_instance_is_found(api: Api, other: Api) -> None:
    await publish(other)
    assert (await _available(api, "31001")).status == 200


# How much is left


async def test_a_partner_reads_what_is_left(api: Api, partner: str) -> None:
    await publish(api)
    await taken(api, "MAIN", DAY, held=1, sold=2)
    answer = await _available(api, "31001", key=partner)
    assert (answer.status, answer.body) == (
        200,
        {"data": [{"visitDate": DAY.isoformat(), "slotStart": None, "capacity": 500, "free": 497}]},
    )


async def test_each_slot_has_a_row_and_the_scarcest_admission_counts(api: Api) -> None:
    await publish(api)
    day = DAY.isoformat()
    await taken(api, "TOUR", DAY, TEN, sold=3)
    assert await _rows(api, "31005") == [(day, "10:00:00", 20, 17), (day, "14:00:00", 20, 20)]
    assert await _rows(api, "40001") == [(day, "10:00:00", 10, 8), (day, "14:00:00", 10, 10)]
    await taken(api, "MAIN", DAY, sold=495)
    assert await _rows(api, "31005") == [(day, "10:00:00", 20, 5), (day, "14:00:00", 20, 5)]
    assert await _rows(api, "40001") == [(day, "10:00:00", 10, 2), (day, "14:00:00", 10, 2)]


async def test_what_an_operator_has_set_counts_at_once_on_every_instance(api: Api, other: Api) -> None:
    await publish(api)
    for capacity in (3, 0, None, 7):
        answer = await api.call("PUT", f"/admin/allotments/MAIN/{DAY}", {"capacity": capacity})
        assert answer.status == 200
        assert await _rows(other, "31001") == [(DAY.isoformat(), None, capacity, capacity)]


async def test_days_that_cannot_be_booked_are_left_out(api: Api) -> None:
    await publish(api)
    days = [day for day, *_ in await _rows(api, "31001", TODAY - timedelta(days=3), TODAY + timedelta(days=1))]
    assert days in (
        [TODAY.isoformat(), (TODAY + timedelta(days=1)).isoformat()],
        [(TODAY + timedelta(days=1)).isoformat()],  # midnight came meanwhile
    )
    assert [day for day, *_ in await _rows(api, "31001", CLOSED, DAY)] == [DAY.isoformat()]


async def test_what_needs_no_place_is_unlimited(api: Api) -> None:
    await publish(api)
    assert await _rows(api, "33001", CLOSED, DAY) == [(day.isoformat(), None, None, None) for day in (CLOSED, DAY)]


async def test_a_range_has_at_most_92_days_and_both_count(api: Api) -> None:
    await publish(api)
    assert len(await _rows(api, "33001", DAY, DAY + timedelta(days=91))) == 92
    assert (await _available(api, "33001", DAY, DAY + timedelta(days=92))).faults == [("/to", "out_of_range")]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("", [("/itemNumber", "required"), ("/from", "required"), ("/to", "required")]),
        (
            "?itemNumber=1&from=2026-13-01&to=2026-12-1",
            [("/itemNumber", "unknown_item"), ("/from", "bad_format"), ("/to", "bad_format")],
        ),
        ("?itemNumber=%00&from=2026-12-02&to=2026-12-01", [("/itemNumber", "unknown_item"), ("/to", "out_of_range")]),
        ("?itemNumber=33001&from=0001-01-01&to=9999-12-31", [("/to", "out_of_range")]),
    ],
)
async def test_every_fault_of_a_query_is_told(api: Api, query: str, faults: list[tuple[str, str]]) -> None:
    await publish(api)
    assert (await api.call("GET", f"/availability{query}")).faults == faults


async def test_a_catalog_of_many_slots_does_not_hold_the_others_up(api: Api) -> None:
    """What takes long is done beside the event loop, which is watched here."""
    catalog = venue_catalog()
    starts = [f"{hour:02}:{minute:02}:00" for hour in range(24) for minute in range(0, 60, 3)]
    ends = [*starts[1:], "23:59:59"]
    catalog["admissions"][1]["slots"] = [{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)]
    await publish(api, catalog)
    last = DAY + timedelta(days=91)
    for answer in (
        await _available(api, "31005", DAY, last),
        await api.call("GET", f"/admin/allotments?admission=TOUR&from={DAY}&to={last}"),
    ):
        assert answer.text.count('"free":20}') == 92 * len(starts)
