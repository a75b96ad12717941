"""Pages of the lists that are held in memory: their shape, their cursor, and what is wrong with a query."""

from __future__ import annotations

import pytest
from yarl import URL

from tests.integration.api.serving import PUBLIC_URL, Api


async def _all_pages(api: Api, path: str) -> list[list[str]]:
    """The names on each page, followed by the address that each answer gives."""
    pages = []
    while path:
        answer = await api.call("GET", path)
        assert list(answer.body) == ["data", "morePages", "nextPageKey", "nextPageURL"]
        pages.append([row["name"] for row in answer.body["data"]])
        next_url = answer.body["nextPageURL"]
        assert answer.body["morePages"] is bool(next_url) is bool(answer.body["nextPageKey"])
        if next_url:
            assert next_url.startswith(PUBLIC_URL + "/")
            assert URL(next_url).query["pageKey"] == answer.body["nextPageKey"]
        path = next_url.removeprefix(PUBLIC_URL)
    return pages


@pytest.mark.parametrize("prefix", ["", "/venue"], ids=["at the root", "at the public path"])
async def test_pages_follow_each_other_newest_first(api: Api, prefix: str) -> None:
    for number in range(5):
        await api.partner(f"P{number}")
    assert await _all_pages(api, f"{prefix}/admin/partners?pageSize=2") == [["P4", "P3"], ["P2", "P1"], ["P0"]]
    assert await _all_pages(api, f"{prefix}/admin/partners?pageSize=5&other=%26x") == [["P4", "P3", "P2", "P1", "P0"]]


async def test_a_page_goes_on_where_the_last_one_ended_whatever_came_or_went(api: Api) -> None:
    ids = [(await api.made("/admin/keys", {"scope": "gate", "name": f"K{number}"}))["keyId"] for number in range(4)]
    first = (await api.call("GET", "/admin/keys?pageSize=2")).body
    await api.made("/admin/keys", {"scope": "gate", "name": "K4"})
    assert (await api.call("DELETE", f"/admin/keys/{ids[2]}")).status == 204
    path = first["nextPageURL"].removeprefix(PUBLIC_URL)
    assert [row["name"] for row in first["data"]] == ["K3", "K2"]
    assert await _all_pages(api, path) == [["K1", "K0"]]


async def test_the_address_of_a_partners_list_names_the_partner(api: Api) -> None:
    partner_id = await api.partner()
    for _ in range(2):
        await api.partner_key(partner_id)
    page = (await api.call("GET", f"/admin/partners/{partner_id}/keys?pageSize=1")).body
    assert URL(page["nextPageURL"]).path == f"/venue/admin/partners/{partner_id}/keys"


async def test_a_page_has_a_thousand_rows_at_most_and_more_is_taken_as_that(api: Api) -> None:
    await api.partner("Only")
    for size in ("1000", "1001", "9" * 5000):
        assert await _all_pages(api, f"/admin/partners?pageSize={size}") == [["Only"]]


@pytest.mark.parametrize("path", ["/admin/partners", "/admin/keys", "/webhook"])
async def test_what_is_wrong_with_a_query_is_named(api: Api, path: str) -> None:
    for size, code in (("0", "out_of_range"), ("-5", "out_of_range"), ("ten", "bad_format"), ("", "bad_format")):
        assert (await api.call("GET", f"{path}?pageSize={size}")).faults == [("/pageSize", code)]
    for page_key in ("x", "%00", "%F0%9F%8E%9F", "bGlzdEtleXMgMSAy", "A" * 4000):
        assert (await api.call("GET", f"{path}?pageKey={page_key}")).faults == [("/pageKey", "bad_format")]


async def test_a_page_key_of_another_list_is_refused(api: Api) -> None:
    for number in range(2):
        await api.partner(f"P{number}")
    page_key = (await api.call("GET", "/admin/partners?pageSize=1")).body["nextPageKey"]
    assert (await api.call("GET", f"/admin/keys?pageKey={page_key}")).faults == [("/pageKey", "bad_format")]
