"""What holds for every operation: both places of a path, methods, media types, correlation ids, HEAD."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlsplit

from infra.telemetry.traceparent import well_formed
from tests.integration.api.serving import OPERATOR_KEY, PUBLIC_URL
from tests.integration.api.shop import Shop, projecting

CORRELATION = "X-Correlation-Id"
PLACE = urlsplit(PUBLIC_URL).path


async def test_every_path_is_served_in_two_places(shop: Shop) -> None:
    async with shop.issuing(), projecting(shop):
        made = await shop.call("POST", f"{PLACE}/channelManager", shop.body())
        assert made.status == 201
        path = f"/channelManager/{made.body['orderId']}"
        assert made.headers["Location"] == PUBLIC_URL + path
        await shop.settled(path)
        here, there = await shop.get(path), await shop.get(PLACE + path)
        assert (here.status, here.text) == (there.status, there.text)
        assert (await shop.get(f"{PLACE}{path}/history")).status == 200
        body = shop.body(sellToOrderReference=made.body["sellToOrderReference"])
        assert (await shop.call("PUT", PLACE + path, body)).status == 200
        await shop.settled(path)
        assert (await shop.call("POST", f"{PLACE}{path}/confirm", {"paymentReference": "P"})).status == 200
        assert (await shop.call("DELETE", PLACE + path)).status == 200
        await shop.created()
        await shop.projected()
        page = (await shop.get(f"/channelManager/orders/{shop.partner_id}?pageSize=1")).body
        assert page["nextPageURL"].startswith(f"{PUBLIC_URL}/channelManager/orders/{shop.partner_id}?")
        follow = await shop.get(page["nextPageURL"].removeprefix(PUBLIC_URL.removesuffix(PLACE)))
        assert (follow.status, len(follow.body["data"])) == (200, 1)
    for open_to_all in ("/healthz", "/readyz"):
        assert (await shop.get(PLACE + open_to_all, key=None)).status == 200
    nowhere = await shop.get(f"{PLACE}x/channelManager")
    assert (nowhere.status, nowhere.code) == (404, "resource_not_found")


async def test_another_method_is_405_with_what_is_allowed(shop: Shop) -> None:
    for method, path, allow in (
        ("GET", "/channelManager", "POST"),
        ("PATCH", "/channelManager/x", "DELETE, GET, HEAD, PUT"),
        ("GET", "/channelManager/x/confirm", "POST"),
        ("POST", "/channelManager/x/history", "GET, HEAD"),
        ("DELETE", "/channelManager/orders/x", "GET, HEAD"),
        ("OPTIONS", "/channelManager", "POST"),
    ):
        for place in (path, PLACE + path):
            answer = await shop.call(method, place, key=None)
            assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", allow)
            assert CORRELATION in answer.headers


async def test_an_unknown_path_is_a_problem_too(shop: Shop) -> None:
    for path in ("/", "/channelManager/", "/channelManager/a/b", "/audit", "/docs", "/tickets/T1", "/%ff%00", "//"):
        answer = await shop.get(path, headers={CORRELATION: "mine"})
        assert (answer.status, answer.code) == (404, "resource_not_found"), path
        assert answer.headers[CORRELATION] == "mine"


async def test_which_types_are_answered_with(shop: Shop) -> None:
    path = await shop.created()
    for accept in (
        "*/*",
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;odata.metadata=minimal",
        "application/*;q=0.1",
        "text/html, */*;q=0.1",
        "",
        "text/html, image/gif, *; q=.2",
    ):
        assert (await shop.get(path, headers={"Accept": accept})).status == 200, accept
    for accept in ("text/html", "application/xml", "application/json;q=0", "*/*;q=0", "application/json;q=0.0, */*"):
        answer = await shop.get(path, headers={"Accept": accept})
        assert (answer.status, answer.code) == (406, "not_acceptable"), accept
        assert answer.headers["Accept"] == "application/json"
    two_lines = [("Accept", "text/html"), ("Accept", "application/json")]
    assert (await shop.get(path, headers=two_lines)).status == 200


async def test_which_types_are_taken(shop: Shop) -> None:
    body = json.dumps(shop.body()).encode()
    for content_type in ("text/plain", "application/xml", "application/jsonp", "text/json", "application", ""):
        answer = await shop.call("POST", "/channelManager", body, headers={"Content-Type": content_type})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), content_type
        assert answer.headers["Accept"] == "application/json"
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for sent in (gzip.compress(body), body):
        answer = await shop.call("POST", "/channelManager", sent, headers=packed)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert (await shop.log(None))[-1][2] == "key.created.v1"  # nothing came of these
    utf8 = {"Content-Type": "Application/JSON; charset=utf-8", "Content-Encoding": "identity"}
    assert (await shop.call("POST", "/channelManager", body, headers=utf8)).status == 201


async def test_a_request_without_any_type_or_body(shop: Shop) -> None:
    answer = await shop.call("POST", "/channelManager")
    assert (answer.status, answer.code) == (400, "malformed_json")


async def test_head_is_get_without_a_body(shop: Shop) -> None:
    path = await shop.created()
    for place in (path, f"{path}/history", f"/channelManager/orders/{shop.partner_id}", "/healthz"):
        whole, head = await shop.get(place), await shop.call("HEAD", place)
        assert (head.status, head.text) == (200, "")
        assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.text.encode()))
        assert head.headers.get("ETag") == whole.headers.get("ETag")
    assert (await shop.call("HEAD", "/channelManager/x")).status == 404


async def test_a_correlation_id_is_taken_or_made_and_goes_with_the_command(shop: Shop) -> None:
    async with shop.issuing():
        answer = await shop.call("POST", "/channelManager", shop.body(), headers={CORRELATION: "Trace_1.a-b"})
        assert answer.headers[CORRELATION] == "Trace_1.a-b"
        path = f"/channelManager/{answer.body['orderId']}"
        await shop.settled(path)
    history = (await shop.get(f"{path}/history")).body
    assert len(history) == 4
    assert {event["correlationId"] for event in history} == {"Trace_1.a-b"}
    for bad in ("", "a b", "é", "x" * 101, "a/b"):
        made = (await shop.get(path, headers={CORRELATION: bad})).headers[CORRELATION]
        assert made != bad
        assert 1 <= len(made) <= 100
    longest = "x" * 100
    for place in (path, "/nowhere", "/channelManager", "/channelManager/no-uuid"):
        assert (await shop.get(place, headers={CORRELATION: longest})).headers[CORRELATION] == longest
    assert (await shop.get(path, key=None, headers={CORRELATION: longest})).headers[CORRELATION] == longest


async def test_a_trace_parent_is_kept_where_it_is_one_else_one_is_made(shop: Shop) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers: list[dict[str, str]] = [{"traceparent": sent} for sent in (parent, "é", "x" * 5000, parent + "\u00ff")]
    told = []
    for sent in (*headers, {}):
        answer = await shop.call("POST", "/channelManager", shop.body(), headers=sent)
        assert answer.status == 201
        [row] = await shop.log(f"/channelManager/{answer.body['orderId']}")
        told.append(json.loads(row[3])["metadata"]["traceparent"])
    assert told[0] == parent
    made = set(told[1:])
    assert len(made) == len(told[1:])
    assert all(well_formed(one) == one and one.endswith("-00") for one in made)


async def test_what_is_ignored_for_now_or_for_ever(shop: Shop) -> None:
    headers = {"x-api-version": "2.0", "Prefer": "wait=60"}
    answer = await shop.call("POST", "/channelManager?sync=1", shop.body(), headers=headers)
    assert (answer.status, answer.body["status"]) == (201, "Submitted")
    assert not {"Preference-Applied", "RateLimit", "RateLimit-Policy"} & set(answer.headers)
    path = f"/channelManager/{answer.body['orderId']}"
    read = await shop.get(f"{path}?sync=maybe&unknown=1", headers=headers)
    assert (read.status, "Preference-Applied" in read.headers) == (200, False)


async def test_how_a_key_is_sent(shop: Shop) -> None:
    path = await shop.created()
    for headers, status in (
        ({"Authorization": f"Bearer {shop.key}"}, 200),
        ({"Authorization": f"bearer  {shop.key} "}, 200),
        ({"x-np-api-key": shop.key}, 200),
        ({"X-NP-API-Key": shop.key, "Authorization": "Basic eDp5"}, 200),
        ({"Authorization": shop.key}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"x-np-api-key": ""}, 401),
        ({"x-np-api-key": shop.key.swapcase()}, 401),
        ({"x-np-api-key": "\u00e9\u00ff"}, 401),
        ({}, 401),
    ):
        answer = await shop.get(path, key=None, headers=headers)
        assert answer.status == status, headers
        if status == 401:
            assert answer.code == "unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_every_problem_has_the_members_of_the_contract(shop: Shop) -> None:
    path = await shop.created(sellToOrderReference="TAKEN")
    problems: list[Any] = [
        await shop.get("/nowhere"),
        await shop.get("/channelManager"),
        await shop.get(path, key=None),
        await shop.get(path, headers={"Accept": "a/b"}),
        await shop.create(sellToOrderReference="TAKEN"),
        await shop.create(items=[]),
        await shop.call("DELETE", path),
        await shop.call("DELETE", path, headers={"If-Match": '"v9"'}, key=OPERATOR_KEY),
    ]
    for answer in problems:
        problem = answer.body
        assert {"type", "title", "status", "detail", "code", "message"} <= set(problem)
        assert problem["status"] == answer.status
        assert problem["message"] == problem["detail"]
        assert answer.code == problem["code"]
    assert len({answer.code for answer in problems}) == len(problems)
