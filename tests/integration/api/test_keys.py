"""Keys over HTTP: shown once, listed without their text, refused once they are revoked."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.api_key import KEY_RANDOM_BYTES, key_text
from tests.integration.api.serving import Api


async def test_a_partners_key_is_shown_once_and_opens_its_partners_doors(api: Api) -> None:
    partner_id = await api.partner()
    made = await api.call("POST", f"/admin/partners/{partner_id}/keys", {"name": "shop"})
    key = made.body
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    assert list(key) == ["keyId", "key", "scope", "partnerId", "name", "createdAt"]
    assert (key["scope"], key["partnerId"], key["name"]) == ("partner", partner_id, "shop")
    assert len(key["key"]) == len(key_text("partner", bytes(KEY_RANDOM_BYTES)))
    listed = await api.call("GET", f"/admin/partners/{partner_id}/keys")
    del key["key"]
    assert listed.body == {"data": [key], "morePages": False, "nextPageKey": "", "nextPageURL": ""}


async def test_either_header_carries_a_key(api: Api) -> None:
    key = await api.partner_key(await api.partner())
    for headers in ({"Authorization": f"bearer {key}"}, {"x-np-api-key": key}):
        assert (await api.call("GET", "/webhook", key=None, headers=headers)).status == 200


@pytest.mark.parametrize("scope", ["auditor", "operator", "gate"])
async def test_other_keys_belong_to_no_partner(api: Api, scope: str) -> None:
    await api.partner_key(await api.partner())
    made = await api.made("/admin/keys", {"scope": scope, "name": "night shift"})
    assert list(made) == ["keyId", "key", "scope", "name", "createdAt"]
    del made["key"]
    assert (await api.call("GET", "/admin/keys")).body["data"] == [made]


async def test_faults_in_a_key_are_told(api: Api) -> None:
    partner_id = await api.partner()
    faults = (await api.call("POST", "/admin/keys", {"scope": "partner", "partnerId": partner_id})).faults
    assert faults == [("/scope", "unknown_value"), ("/partnerId", "unknown_field"), ("/name", "required")]
    assert (await api.call("POST", f"/admin/partners/{partner_id}/keys", {"name": None})).faults == [
        ("/name", "required")
    ]


async def test_what_is_no_json_is_told_before_what_the_path_names(api: Api) -> None:
    nobody = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    for body, code in ((b"{", "malformed_json"), ({"name": 5}, "resource_not_found")):
        assert (await api.call("POST", f"/admin/partners/{nobody}/keys", body)).code == code


async def test_a_partner_has_its_own_keys_only(api: Api) -> None:
    first, second = await api.partner(), await api.partner()
    await api.partner_key(first)
    assert len((await api.call("GET", f"/admin/partners/{first}/keys")).body["data"]) == 1
    assert (await api.call("GET", f"/admin/partners/{second}/keys")).body["data"] == []


async def test_a_revoked_key_is_unknown_and_can_not_be_revoked_again(api: Api) -> None:
    partner_id = await api.partner()
    made = await api.made(f"/admin/partners/{partner_id}/keys", {"name": "shop"})
    revoked = await api.call("DELETE", f"/admin/keys/{made['keyId'].upper()}")
    assert (revoked.status, revoked.text) == (204, "")
    refused = await api.call("GET", "/webhook", key=made["key"])
    assert (refused.status, refused.code) == (401, "unauthorized")
    assert (await api.call("GET", f"/admin/partners/{partner_id}/keys")).body["data"] == []
    for key_id in (made["keyId"], str(uuid4()), "none"):
        gone = await api.call("DELETE", f"/admin/keys/{key_id}")
        assert (gone.status, gone.code) == (404, "resource_not_found")


async def test_an_operator_key_made_here_does_what_operators_do_until_it_is_revoked(api: Api) -> None:
    made = await api.made("/admin/keys", {"scope": "operator", "name": "second"})
    assert (await api.call("DELETE", f"/admin/keys/{made['keyId']}", key=made["key"])).status == 204
    assert (await api.call("GET", "/admin/keys", key=made["key"])).status == 401
