"""reprocess: an order in Error is submitted again as it is, and no other."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import Shop, eventually, projecting, stocked


async def _reprocess(shop: Shop, path: str, **how: str) -> Answer:
    order_id = path.rsplit("/", 1)[-1]
    return await shop.call("POST", f"/admin/orders/{order_id}/reprocess", key=OPERATOR_KEY, headers=how)


async def test_an_order_in_error_is_issued_again_as_it_is(shop: Shop) -> None:
    path = await shop.failed(paymentReference="PAY-1", sellToName="Jane")
    answer = await _reprocess(shop, path)
    assert (answer.status, answer.body["status"], answer.body["statusMessage"]) == (200, "Submitted", "")
    read = await shop.get(path)
    assert (read.headers["ETag"], read.body) == (answer.headers["ETag"], answer.body)
    async with shop.issuing():
        order = await shop.settled(path)
    assert (order["status"], order["sellToName"]) == ("Issued", "Jane")


async def test_no_other_order_is(shop: Shop) -> None:
    in_flight = await shop.created()
    answer = await _reprocess(shop, in_flight)
    assert (answer.status, answer.code, answer.body["currentStatus"]) == (409, "order_in_flight", "Submitted")
    async with shop.issuing():
        issued, draft = await shop.issued(), await shop.draft()
        cancelled = await shop.issued()
    assert (await shop.call("DELETE", cancelled)).status == 200
    for path, status in ((issued, "Issued"), (draft, "Draft"), (cancelled, "Cancelled")):
        answer = await _reprocess(shop, path)
        assert (answer.status, answer.code, answer.body["currentStatus"]) == (409, "invalid_status", status)


async def test_what_is_not_there_or_not_there_any_more_is_not_found(shop: Shop) -> None:
    removed = await shop.failed()
    assert (await shop.call("DELETE", removed)).status == 200
    for path in (removed, str(uuid4()), "none"):
        assert (await _reprocess(shop, path)).code == "resource_not_found"


async def test_it_wants_the_version_that_it_names(shop: Shop) -> None:
    path = await shop.failed()
    tag = (await shop.get(path)).headers["ETag"]
    log = await shop.log(path)
    assert (await _reprocess(shop, path, **{"If-Match": '"v1"'})).code == "precondition_failed"
    assert await shop.log(path) == log
    assert (await _reprocess(shop, path, **{"If-Match": tag})).status == 200
    # The version is looked at before the status.
    assert (await _reprocess(shop, path, **{"If-Match": tag})).code == "precondition_failed"


async def test_it_works_for_a_disabled_partner(shop: Shop) -> None:
    path = await shop.failed()
    disabled = await shop.call("PATCH", f"/admin/partners/{shop.partner_id}", {"active": False}, key=OPERATOR_KEY)
    assert disabled.status == 200
    assert (await _reprocess(shop, path)).status == 200


async def test_it_waits_while_issuance_is_too_far_behind(dsn: str) -> None:
    async with stocked(dsn, OTA_CM_MAX_BACKLOG_SECONDS="0.01") as shop, projecting(shop):
        path = await shop.failed()
        log = await shop.log(path)

        async def answered(status: int) -> bool:
            return (await shop.create()).status == status

        await eventually(partial(answered, 201))  # which nobody picks up
        await eventually(partial(answered, 503))
        answer = await _reprocess(shop, path)
        assert (answer.status, answer.code, "Retry-After" in answer.headers) == (503, "unavailable", True)
        assert await shop.log(path) == log
        # What could not be done anyway is told as ever.
        assert (await _reprocess(shop, path, **{"If-Match": '"v1"'})).code == "precondition_failed"
