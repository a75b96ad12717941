"""`/admin/allotments`: every day and slot with what is taken of it, and the capacity of one set apart."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from infra.postgres.errors import DatabaseUnavailable
from tests.integration.api.serving import Answer, Api
from tests.integration.api.venue import CLOSED, DAY, TEN, TODAY, TWO, publish, taken, venue_catalog

TEN_TO_ELEVEN = {"start": "10:00:00", "end": "11:00:00"}


@pytest.fixture(autouse=True)
async def _venue(api: Api) -> None:
    await publish(api)


async def _list(api: Api, admission: str = "MAIN", first: date = DAY, last: date = DAY) -> Answer:
    return await api.call("GET", f"/admin/allotments?admission={admission}&from={first}&to={last}")


async def _rows(api: Api, admission: str = "MAIN", first: date = DAY, last: date = DAY) -> list[dict[str, Any]]:
    answer = await _list(api, admission, first, last)
    assert answer.status == 200, answer.text
    assert list(answer.body) == ["data"]
    return list(answer.body["data"])


async def _set(api: Api, admission: str, day: date | str, **body: object) -> Answer:
    return await api.call("PUT", f"/admin/allotments/{admission}/{day}", body)


def _row(admission: str, day: date, start: str | None, *figures: int | None) -> dict[str, Any]:
    capacity, held, sold, free = figures
    return {
        "admission": admission,
        "visitDate": day.isoformat(),
        "slotStart": start,
        "capacity": capacity,
        "held": held,
        "sold": sold,
        "free": free,
    }


async def _log(api: Api) -> list[tuple[Any, ...]]:
    return await api.platform.reads.rows(
        "select originator_version, state from stored_events where topic = 'allotment.overridden.v1' order by 1"
    )


# What is listed


async def test_every_day_and_slot_is_listed(api: Api) -> None:
    await taken(api, "TOUR", DAY, TEN, held=2, sold=3)
    await taken(api, "TOUR", DAY + timedelta(days=1), TWO, sold=20)
    following = DAY + timedelta(days=1)
    assert await _rows(api, "TOUR", DAY, following) == [
        _row("TOUR", DAY, "10:00:00", 20, 2, 3, 15),
        _row("TOUR", DAY, "14:00:00", 20, 0, 0, 20),
        _row("TOUR", following, "10:00:00", 20, 0, 0, 20),
        _row("TOUR", following, "14:00:00", 20, 0, 20, 0),
    ]


async def test_an_unlimited_admission_is_counted_too(api: Api) -> None:
    await taken(api, "PARK", DAY, held=1, sold=2)
    assert await _rows(api, "PARK") == [_row("PARK", DAY, None, None, 1, 2, None)]


async def test_a_closed_day_is_listed_with_nothing_free(api: Api) -> None:
    await taken(api, "MAIN", CLOSED, sold=1)
    assert await _rows(api, first=CLOSED) == [
        _row("MAIN", CLOSED, None, 500, 0, 1, 0),
        _row("MAIN", DAY, None, 500, 0, 0, 500),
    ]


async def test_a_range_has_at_most_two_years(api: Api) -> None:
    assert len(await _rows(api, "MAIN", TODAY, TODAY + timedelta(days=731))) == 732
    assert (await _list(api, "MAIN", TODAY, TODAY + timedelta(days=732))).faults == [("/to", "out_of_range")]
    last = date(9999, 12, 31)
    assert [row["visitDate"] for row in await _rows(api, "MAIN", last, last)] == ["9999-12-31"]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("", [("/admission", "required"), ("/from", "required"), ("/to", "required")]),
        (
            "?admission=NONE&from=2026-02-30&to=tomorrow",
            [("/admission", "unknown_admission"), ("/from", "bad_format"), ("/to", "bad_format")],
        ),
        ("?admission=%00&from=2026-12-01", [("/admission", "unknown_admission"), ("/to", "required")]),
        ("?admission=%FF&from=2026-12-01&to=", [("/admission", "unknown_admission"), ("/to", "bad_format")]),
        ("?admission=MAIN&from=2026-12-02&to=2026-12-01", [("/to", "out_of_range")]),
        ("?admission=main&from=2026-12-01&to=2026-12-01", [("/admission", "unknown_admission")]),
    ],
)
async def test_every_fault_of_a_query_is_told(api: Api, query: str, faults: list[tuple[str, str]]) -> None:
    assert (await api.call("GET", f"/admin/allotments{query}")).faults == faults


async def test_slots_that_a_new_catalog_does_not_have_are_listed_while_something_of_them_is_taken(api: Api) -> None:
    await taken(api, "TOUR", DAY, TWO, sold=4)
    assert (await _set(api, "TOUR", DAY, capacity=30, slotStart="10:00:00")).status == 200
    catalog = venue_catalog()
    catalog["admissions"][1]["slots"] = [{"start": "12:00:00", "end": "13:00:00"}]
    await publish(api, catalog)
    assert await _rows(api, "TOUR") == [
        _row("TOUR", DAY, "10:00:00", 30, 0, 0, 0),
        _row("TOUR", DAY, "12:00:00", 20, 0, 0, 20),
        _row("TOUR", DAY, "14:00:00", 0, 0, 4, 0),
    ]
    await taken(api, "TOUR", DAY, TWO, sold=-4)
    assert [row["slotStart"] for row in await _rows(api, "TOUR")] == ["10:00:00", "12:00:00"]


async def test_an_admission_that_a_new_catalog_does_not_have_is_listed_while_anything_of_it_was_taken(api: Api) -> None:
    await taken(api, "PARK", DAY, sold=4)
    catalog = venue_catalog()
    del catalog["admissions"][2]
    await publish(api, catalog)
    assert await _rows(api, "PARK", TODAY, DAY) == [_row("PARK", DAY, None, 0, 0, 4, 0)]
    assert (await _set(api, "PARK", DAY, capacity=4)).code == "resource_not_found"


async def test_a_catalog_may_set_less_than_is_taken(api: Api) -> None:
    await taken(api, "MAIN", DAY, held=2, sold=5)
    catalog = venue_catalog()
    catalog["admissions"][0]["capacity"] = 6
    await publish(api, catalog)
    assert await _rows(api) == [_row("MAIN", DAY, None, 6, 2, 5, 0)]


# What is set


async def test_a_day_is_set_and_answered_as_it_is_listed(api: Api) -> None:
    await taken(api, "MAIN", DAY, held=1, sold=2)
    answer = await _set(api, "MAIN", DAY, capacity=10)
    assert (answer.status, answer.body) == (200, _row("MAIN", DAY, None, 10, 1, 2, 7))
    following = DAY + timedelta(days=1)
    assert await _rows(api, "MAIN", DAY, following) == [answer.body, _row("MAIN", following, None, 500, 0, 0, 500)]


async def test_a_slot_is_set_and_the_others_stay(api: Api) -> None:
    answer = await _set(api, "TOUR", DAY, capacity=0, slotStart="10:00:00")
    assert answer.body == _row("TOUR", DAY, "10:00:00", 0, 0, 0, 0)
    assert await _rows(api, "TOUR") == [answer.body, _row("TOUR", DAY, "14:00:00", 20, 0, 0, 20)]


async def test_null_is_unlimited_and_a_limit_can_be_set_where_there_is_none(api: Api) -> None:
    assert (await _set(api, "MAIN", DAY, capacity=None)).body == _row("MAIN", DAY, None, None, 0, 0, None)
    assert (await _set(api, "PARK", DAY, capacity=9)).body == _row("PARK", DAY, None, 9, 0, 0, 9)


async def test_a_closed_day_can_be_set_and_stays_closed(api: Api) -> None:
    assert (await _set(api, "MAIN", CLOSED, capacity=10)).body == _row("MAIN", CLOSED, None, 10, 0, 0, 0)


async def test_it_outlives_a_new_catalog(api: Api) -> None:
    await _set(api, "TOUR", DAY, capacity=7, slotStart="10:00:00")
    catalog = venue_catalog()
    catalog["admissions"][1] |= {"capacity": 3, "slots": [TEN_TO_ELEVEN]}
    await publish(api, catalog)
    assert await _rows(api, "TOUR") == [_row("TOUR", DAY, "10:00:00", 7, 0, 0, 7)]
    catalog["admissions"][1]["slots"] = [{"start": "10:30:00", "end": "11:00:00"}]
    await publish(api, catalog)
    await publish(api)  # the slot comes back
    assert (await _rows(api, "TOUR"))[0] == _row("TOUR", DAY, "10:00:00", 7, 0, 0, 7)


async def test_less_than_is_taken_is_refused_and_changes_nothing(api: Api) -> None:
    await taken(api, "MAIN", DAY, held=1, sold=2)
    before = await _rows(api), await _log(api)
    answer = await _set(api, "MAIN", DAY, capacity=2)
    assert (answer.status, answer.code) == (409, "below_taken")
    assert (await _rows(api), await _log(api)) == before
    assert (await _set(api, "MAIN", DAY, capacity=3)).body == _row("MAIN", DAY, None, 3, 1, 2, 0)
    assert (await _set(api, "MAIN", DAY, capacity=2)).code == "below_taken"


async def test_set_again_to_the_same_there_is_no_event(api: Api) -> None:
    for capacity in (5, 5, None, None, 5):
        answer = await _set(api, "MAIN", DAY, capacity=capacity)
        assert (answer.status, answer.body["capacity"]) == (200, capacity)
    assert [version for version, _ in await _log(api)] == [1, 2, 3]
    await _set(api, "TOUR", DAY, capacity=5, slotStart="10:00:00")
    assert [version for version, _ in await _log(api)] == [1, 1, 2, 3]  # a stream a slot


async def test_many_set_a_slot_at_once_and_the_last_one_counts(api: Api, other: Api) -> None:
    answers = await asyncio.gather(
        *(_set(instance, "MAIN", DAY, capacity=capacity) for capacity in range(1, 6) for instance in (api, other))
    )
    assert {answer.status for answer in answers} == {200}
    log = await _log(api)
    (row,) = await _rows(other)
    assert [version for version, _ in log] == list(range(1, len(log) + 1))
    assert f'"capacity":{row["capacity"]}'.encode() in log[-1][1]


async def test_what_one_instance_has_set_another_shows_at_once(api: Api, other: Api) -> None:
    for capacity in range(5):
        await _set(api, "MAIN", DAY, capacity=capacity)
        assert (await _rows(other))[0]["capacity"] == capacity


@pytest.mark.parametrize(
    ("admission", "body", "faults"),
    [
        ("MAIN", b"{}", [("/capacity", "required")]),
        ("TOUR", b"{}", [("/capacity", "required"), ("/slotStart", "required")]),
        (
            "TOUR",
            b'{"capacity": -1, "extra": 1}',
            [("/capacity", "out_of_range"), ("/extra", "unknown_field"), ("/slotStart", "required")],
        ),
        ("TOUR", b'{"capacity": 1, "slotStart": "10:30:00"}', [("/slotStart", "no_such_slot")]),
        (
            "MAIN",
            b'{"slotStart": "10:00:00", "capacity": "5"}',
            [("/slotStart", "no_such_slot"), ("/capacity", "wrong_type")],
        ),
    ],
)
async def test_every_fault_of_a_body_is_told(
    api: Api, admission: str, body: bytes, faults: list[tuple[str, str]]
) -> None:
    answer = await api.call("PUT", f"/admin/allotments/{admission}/{DAY}", body)
    assert answer.faults == faults
    assert await _log(api) == []


async def test_what_is_not_there_is_not_found_before_the_body_is_looked_at(api: Api) -> None:
    for admission, day in (("NONE", DAY), ("main", DAY), ("%00", DAY), ("MAIN", "2026-02-30"), ("MAIN", "20261201")):
        answer = await _set(api, admission, day)
        assert (answer.status, answer.code) == (404, "resource_not_found"), (admission, day)
    assert (await api.call("PUT", f"/admin/allotments/NONE/{DAY}", b"{")).code == "malformed_json"


async def test_admissions_may_have_any_name(api: Api) -> None:
    for name, written in (("A/B c", "A%2FB%20c"), ("Ærø?&=+%", "%C3%86r%C3%B8%3F%26%3D%2B%25")):
        catalog = venue_catalog()
        catalog["admissions"].append({"admission": name})
        await publish(api, catalog)
        assert (await _set(api, written, DAY, capacity=3)).body == _row(name, DAY, None, 3, 0, 0, 3)
        assert await _rows(api, written) == [_row(name, DAY, None, 3, 0, 0, 3)]


async def test_what_was_set_but_cannot_be_shown_may_have_been_accepted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = api.platform.reads.rows

    async def without_allotments(query: str, *parameters: Any, **how: Any) -> list[tuple[Any, ...]]:
        if "from allotments" in query:
            raise DatabaseUnavailable
        return await whole(query, *parameters, **how)

    monkeypatch.setattr(api.platform.reads, "rows", without_allotments)
    answer = await _set(api, "MAIN", DAY, capacity=3)
    assert (answer.status, answer.code) == (503, "outcome_unknown")
    monkeypatch.undo()
    assert (await _set(api, "MAIN", DAY, capacity=3)).body["capacity"] == 3
    assert len(await _log(api)) == 1
