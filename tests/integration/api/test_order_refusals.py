"""What is refused in which status, and what changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import Shop, eventually, order_id

ORDER_BODY = object()
COMMANDS: dict[str, tuple[str, str, Any]] = {
    "replace": ("PUT", "", ORDER_BODY),
    "confirm": ("POST", "/confirm", {"paymentReference": "PAY"}),
    "cancel": ("DELETE", "", None),
}


async def _refusals(shop: Shop, path: str, *commands: str) -> dict[str, tuple[str, str]]:
    """What each command is refused with; refusals change nothing."""
    reference = (await shop.get(path)).body["sellToOrderReference"]
    before = await shop.log()
    refusals = {}
    for name in commands:
        method, place, body = COMMANDS[name]
        if body is ORDER_BODY:
            body = shop.body(sellToOrderReference=reference)
        refused = await shop.call(method, path + place, body)
        assert refused.status == 409, (name, refused.text)
        assert refused.body["message"] == refused.body["detail"]
        refusals[name] = (refused.code, refused.body["currentStatus"])
    assert await shop.log() == before
    return refusals


async def test_what_each_status_refuses(shop: Shop) -> None:
    in_flight = await shop.created()
    assert await _refusals(shop, in_flight, *COMMANDS) == dict.fromkeys(COMMANDS, ("order_in_flight", "Submitted"))
    failed = await shop.failed()
    assert await _refusals(shop, failed, "confirm") == {"confirm": ("invalid_status", "Error")}
    async with shop.issuing():
        issued = await shop.issued()
    assert await _refusals(shop, issued, "replace") == {"replace": ("invalid_status", "Issued")}
    assert (await shop.call("DELETE", issued)).status == 200
    cancelled = ("invalid_status", "Cancelled")
    assert await _refusals(shop, issued, "replace", "confirm") == {"replace": cancelled, "confirm": cancelled}


async def test_an_order_that_is_picked_up_or_worked_on_is_in_flight(shop: Shop) -> None:
    release = _held_back(shop)
    async with shop.issuing():
        path = await shop.created()

        async def processing() -> Answer | None:
            read = await shop.get(path)
            return read if read.body["status"] == "Processing" else None

        read = await eventually(processing)
        assert read.headers["Retry-After"] == "1"
        assert (read.body["items"], bool(UUID(read.body["jobId"]))) == ([], True)
        assert await _refusals(shop, path, *COMMANDS) == dict.fromkeys(COMMANDS, ("order_in_flight", "Processing"))
        release()
        assert (await shop.settled(path))["jobId"] == read.body["jobId"]


def _held_back(shop: Shop) -> Callable[[], None]:
    """The issuer answers only after the function that is returned was called."""
    let_go = asyncio.Event()
    issue = shop.platform.issuer.issue

    async def issue_later(job: Any) -> Any:
        await let_go.wait()
        return await issue(job)

    shop.platform.issuer.issue = issue_later  # type: ignore[method-assign]
    return let_go.set


async def test_confirming_an_issued_order_changes_nothing_whatever_the_body(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.issued()
    before = await shop.get(path)
    log = await shop.log()
    for body in (None, b"", b"{", b"\xff", b"[]", b"null", {}, {"paymentReference": 7}, {"paymentReference": "OTHER"}):
        again = await shop.call("POST", f"{path}/confirm", body)
        assert (again.status, again.body) == (200, before.body), body
        assert again.headers["ETag"] == before.headers["ETag"]
    assert await shop.log() == log
    stale = await shop.call("POST", f"{path}/confirm", b"{", headers={"If-Match": '"v1"'})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    stranger = await shop.partner_key(await shop.partner("Stranger"))
    assert (await shop.call("POST", f"{path}/confirm", b"{", key=stranger)).code == "malformed_json"
    assert (await shop.call("POST", f"{path}/confirm", {}, key=stranger)).code == "resource_not_found"


async def test_cancelling_a_cancelled_order_changes_nothing(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.issued()
    cancelled = await shop.call("DELETE", path)
    log = await shop.log()
    again = await shop.call("DELETE", path)
    assert (again.status, again.text, again.headers["ETag"]) == (200, cancelled.text, cancelled.headers["ETag"])
    assert await shop.log() == log


async def test_what_confirm_asks_for(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.draft()
    confirm = f"{path}/confirm"
    log = await shop.log()
    for body, fault in (
        ({}, "required"),
        ({"paymentReference": None}, "required"),
        ({"paymentReference": ""}, "too_short"),
        ({"paymentReference": "🎟" * 51}, "too_long"),
        ({"paymentReference": ["P"]}, "wrong_type"),
        ({"paymentReference": "P\0"}, "bad_format"),
    ):
        assert (await shop.call("POST", confirm, body)).faults == [("/paymentReference", fault)]
    other = {"paymentReference": "P", "amount": 1}
    assert (await shop.call("POST", confirm, other)).faults == [("/amount", "unknown_field")]
    for broken in (None, b"", b"{"):
        assert (await shop.call("POST", confirm, broken)).code == "malformed_json"
    assert await shop.log() == log
    confirmed = await shop.call("POST", confirm, {"paymentReference": "🎟" * 50})
    assert (confirmed.status, confirmed.body["paymentReference"]) == (200, "🎟" * 50)


async def test_a_reference_belongs_to_one_living_order_of_a_partner(shop: Shop) -> None:
    first = await shop.created(sellToOrderReference="Ré")
    log = await shop.log()
    for same in ("Ré", "Re\u0301"):
        refused = await shop.create(sellToOrderReference=same)
        assert (refused.status, refused.code) == (409, "duplicate_order")
        assert refused.body["existingOrderId"] == str(order_id(first))
    assert await shop.log() == log
    assert (await shop.create(sellToOrderReference="RÉ")).status == 201
    other = await shop.partner("Other")
    assert (await shop.create(partnerId=other, sellToOrderReference="Ré")).status == 403
    body = shop.body(partnerId=other, sellToOrderReference="Ré")
    assert (await shop.call("POST", "/channelManager", body, key=OPERATOR_KEY)).status == 201


async def test_what_cannot_change_under_put(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.draft(sellToOrderReference="MINE")
    other = await shop.partner("Other")
    log = await shop.log()
    for changes, key in (
        ({"partnerId": other}, shop.key),
        ({"partnerId": other}, OPERATOR_KEY),
        ({"partnerId": "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"}, OPERATOR_KEY),  # of nobody
        ({"sellToOrderReference": "OTHER"}, shop.key),
        ({"sellToOrderReference": "mine"}, shop.key),
    ):
        refused = await shop.call("PUT", path, shop.body(**{"sellToOrderReference": "MINE", **changes}), key=key)
        assert (refused.status, refused.code) == (409, "immutable_field"), changes
    assert await shop.log() == log
    body = shop.body(sellToOrderReference="MINE", partnerId=shop.partner_id.upper())
    assert (await shop.call("PUT", path, body)).status == 200


async def test_a_stream_of_another_kind_is_no_order(shop: Shop) -> None:
    """Whoever knows how stream ids are made, or reads them in the log, learns and breaks nothing."""
    streams = {row[0] for row in await shop.platform.reads.rows("select originator_id from stored_events")}
    assert len(streams) >= 3
    for stream in streams:
        for method, place, body in (
            ("GET", "", None),
            ("GET", "?asOf=2099-01-01T00:00:00Z", None),
            ("GET", "/history", None),
            ("PUT", "", shop.body()),
            ("POST", "/confirm", {"paymentReference": "P"}),
            ("DELETE", "", None),
        ):
            answer = await shop.call(method, f"/channelManager/{stream}{place}", body, key=OPERATOR_KEY)
            assert (answer.status, answer.code) == (404, "resource_not_found"), (method, place)
