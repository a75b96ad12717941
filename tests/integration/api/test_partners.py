"""Partners over HTTP: made, listed, read, changed and deleted by operators."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.integration.api.serving import PUBLIC_URL, Api

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_a_new_partner_is_active_and_can_be_read(api: Api) -> None:
    made = await api.call("POST", "/admin/partners", {"name": "Agent"})
    partner = made.body
    assert made.status == 201
    assert TIMESTAMP.fullmatch(partner["createdAt"])
    partner_id = partner["partnerId"]
    assert partner == {
        "partnerId": partner_id,
        "name": "Agent",
        "active": True,
        "draftTtlSeconds": None,
        "language": "ENU",
        "createdAt": partner["createdAt"],
    }
    assert made.headers["Location"] == f"{PUBLIC_URL}/admin/partners/{partner_id}"
    assert made.headers["ETag"] == '"v1"'
    read = await api.call("GET", f"/admin/partners/{partner_id}")
    assert (read.status, read.body, read.headers["ETag"]) == (200, partner, '"v1"')


async def test_a_partner_id_of_ones_own_is_taken_in_any_case_and_only_once(api: Api) -> None:
    partner_id = str(uuid4())
    body = {"name": "Agent", "partnerId": partner_id.upper(), "draftTtlSeconds": 900, "language": "dan"}
    made = await api.made("/admin/partners", body)
    assert (made["partnerId"], made["draftTtlSeconds"], made["language"]) == (partner_id, 900, "DAN")
    again = await api.call("POST", "/admin/partners", {"name": "Other", "partnerId": partner_id})
    assert (again.status, again.code) == (409, "partner_exists")
    assert (await api.call("GET", f"/admin/partners/{partner_id}")).body == made


async def test_every_fault_of_a_partner_is_told_at_once_and_nothing_is_made(api: Api) -> None:
    body = {"name": "", "draftTtlSeconds": 0, "colour": "red", "language": 7, "partnerId": "x"}
    assert (await api.call("POST", "/admin/partners", body)).faults == [
        ("/name", "too_short"),
        ("/draftTtlSeconds", "out_of_range"),
        ("/colour", "unknown_field"),
        ("/language", "wrong_type"),
        ("/partnerId", "bad_format"),
    ]
    assert (await api.call("POST", "/admin/partners", {})).faults == [("/name", "required")]
    assert (await api.call("POST", "/admin/partners", [])).faults == [("", "wrong_type")]
    assert (await api.call("GET", "/admin/partners")).body["data"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b"", "application/json", 400, "malformed_json"),
        (b'{"name": NaN}', "application/json", 400, "malformed_json"),
        (b'{"name": "\xff"}', "application/json", 400, "malformed_json"),
        (b"name=Agent", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"name": "%s"}' % (b"x" * 1024 * 1024), "application/json", 413, "payload_too_large"),
    ],
    ids=["cut short", "empty", "NaN", "not UTF-8", "a form", "too large"],
)
async def test_what_is_no_json_body_is_refused(
    api: Api, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = await api.call("POST", "/admin/partners", body, headers={"Content-Type": content_type})
    assert (answer.status, answer.code) == (status, code)


async def test_a_change_touches_what_it_names_and_null_is_for_ever(api: Api) -> None:
    made = await api.made("/admin/partners", {"name": "Agent", "draftTtlSeconds": 60, "language": "DEU"})
    path = f"/admin/partners/{made['partnerId']}"
    changed = await api.call("PATCH", path, {"language": "dan", "active": False})
    assert (changed.status, changed.headers["ETag"]) == (200, '"v2"')
    assert changed.body == {**made, "language": "DAN", "active": False}
    # null counts as absent, except for what may be null
    cleared = await api.call("PATCH", path, {"draftTtlSeconds": None, "name": None, "language": None, "active": None})
    assert cleared.body == {**changed.body, "draftTtlSeconds": None}
    assert (await api.call("GET", path)).body == cleared.body


async def test_a_change_that_changes_nothing_leaves_the_version(api: Api) -> None:
    path = f"/admin/partners/{await api.partner('Agent')}"
    for body in ({}, {"name": "Agent", "active": True}):
        answer = await api.call("PATCH", path, body)
        assert (answer.status, answer.headers["ETag"]) == (200, '"v1"')


async def test_if_match_keeps_a_change_off_a_partner_that_has_moved_on(api: Api) -> None:
    path = f"/admin/partners/{await api.partner()}"
    assert (await api.call("PATCH", path, {"name": "New"}, headers={"If-Match": '"v1"'})).status == 200
    for method, body in (("PATCH", {"name": "Old"}), ("PATCH", {"name": 7}), ("DELETE", None)):
        late = await api.call(method, path, body, headers={"If-Match": '"v1"'})
        assert (late.status, late.code) == (412, "precondition_failed")
    current = await api.call("GET", path)
    assert (current.body["name"], current.headers["ETag"]) == ("New", '"v2"')
    unchanged = await api.call("GET", path, headers={"If-None-Match": 'W/"v2"'})
    assert (unchanged.status, unchanged.text, unchanged.headers["ETag"]) == (304, "", '"v2"')


@pytest.mark.parametrize("partner_id", [str(uuid4()), "nobody"], ids=["unknown", "malformed"])
async def test_a_partner_that_is_not_there_is_404_before_the_body_is_looked_at(api: Api, partner_id: str) -> None:
    path = f"/admin/partners/{partner_id}"
    for method, place, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": 7}),
        ("DELETE", path, None),
        ("GET", f"{path}/keys", None),
        ("POST", f"{path}/keys", {"name": 7}),
    ):
        answer = await api.call(method, place, body)
        assert (answer.status, answer.code) == (404, "resource_not_found"), (method, place)
