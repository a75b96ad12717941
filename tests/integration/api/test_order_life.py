"""The life of an order over HTTP: every command in every status, and what an answer shows in each."""

from __future__ import annotations

import re
from copy import deepcopy
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.integration.api.serving import OPERATOR_KEY, PUBLIC_URL
from tests.integration.api.shop import Shop, line, visit_date

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HEADER = {
    "orderId",
    "status",
    "statusMessage",
    "partnerId",
    "sellToOrderReference",
    "buyFromOrderReference",
    "sellToEmail",
    "sellToName",
    "sellToLanguage",
    "paymentReference",
    "receivedAt",
    "jobId",
    "items",
}
LINE = {
    "lineNo",
    "itemNumber",
    "description",
    "isPackage",
    "quantity",
    "visitDate",
    "visitTime",
    "sellToName",
    "sellToEmail",
    "sellToLanguage",
    "wallets",
}


async def test_a_new_order_is_submitted_and_waits(shop: Shop) -> None:
    body = shop.body(
        sellToName="Jané Doe 🎟",
        sellToEmail="guest@example.com",
        sellToLanguage="dan",
        paymentReference="PAY-987654",
    )
    made = await shop.call("POST", "/channelManager", body)
    order = made.body
    assert made.status == 201
    assert made.headers["Content-Type"] == "application/json"
    assert made.headers["Location"] == f"{PUBLIC_URL}/channelManager/{order['orderId']}"
    assert made.headers["ETag"] == '"v1"'
    assert "Retry-After" not in made.headers
    assert str(UUID(order["orderId"])) == order["orderId"]
    assert TIMESTAMP.fullmatch(order["receivedAt"])
    assert re.fullmatch(r"CM-[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{4}", order["buyFromOrderReference"])
    assert order == {
        "orderId": order["orderId"],
        "status": "Submitted",
        "statusMessage": "",
        "partnerId": shop.partner_id,
        "sellToOrderReference": body["sellToOrderReference"],
        "buyFromOrderReference": order["buyFromOrderReference"],
        "sellToEmail": "guest@example.com",
        "sellToName": "Jané Doe 🎟",
        "sellToLanguage": "DAN",
        "paymentReference": "PAY-987654",
        "receivedAt": order["receivedAt"],
        "jobId": "",
        "items": [],
    }
    read = await shop.get(f"/channelManager/{order['orderId']}")
    assert (read.status, read.body, read.headers["ETag"]) == (200, order, '"v1"')
    assert read.headers["Retry-After"] == "1"
    assert (await shop.get(f"/channelManager/{order['orderId'].upper()}")).body == order


def without_addresses(order: Any) -> Any:
    """An Issued order without what it alone has: where its tickets are shown."""
    order = deepcopy(order)
    for shown in (order, *[wallet for row in order["items"] for wallet in row["wallets"]]):
        assert shown.pop("manifestUrl").startswith(f"{PUBLIC_URL}/manifests/")
    return order


async def test_the_whole_walk(shop: Shop) -> None:
    """Submitted, Draft, replaced, Draft, Issued, Cancelled; identity and receivedAt stay."""
    async with shop.issuing():
        first = (await shop.create(sellToName="Jane", paymentReference="")).body
        path = f"/channelManager/{first['orderId']}"
        draft = await shop.settled(path)
        identity = {name: first[name] for name in ("orderId", "partnerId", "sellToOrderReference")}
        identity |= {name: first[name] for name in ("buyFromOrderReference", "receivedAt")}
        assert draft == {**draft, **identity, "status": "Draft", "sellToName": "Jane"}
        assert set(draft) == HEADER | {"totals"}
        version = (await shop.get(path)).headers["ETag"]

        body = shop.body(sellToOrderReference=first["sellToOrderReference"], items=[line(), line(quantity=3)])
        replaced = await shop.call("PUT", path, body, headers={"If-Match": version})
        assert replaced.status == 200
        assert replaced.body == {**first, "sellToName": ""}
        assert replaced.headers["ETag"] == f'"v{int(version[2:-1]) + 2}"'
        assert "Location" not in replaced.headers
        again = await shop.settled(path)
        assert again == {**again, **identity, "status": "Draft", "sellToName": ""}
        assert [len(row["wallets"]) for row in again["items"]] == [1, 3]
        assert again["jobId"] != draft["jobId"]

        before = (await shop.get(path)).headers["ETag"]
        confirmed = await shop.call("POST", f"{path}/confirm", {"paymentReference": "PAY-2"})
        assert confirmed.status == 200
        assert without_addresses(confirmed.body) == {**again, "status": "Issued", "paymentReference": "PAY-2"}
        assert confirmed.headers["ETag"] == f'"v{int(before[2:-1]) + 1}"'
        assert (await shop.get(path)).body == confirmed.body

        cancelled = await shop.call("DELETE", path)
        assert cancelled.status == 200
        expected = {**without_addresses(confirmed.body), "status": "Cancelled", "items": [], "jobId": ""}
        del expected["totals"]
        assert cancelled.body == expected
        read = await shop.get(path)
        assert (read.body, read.headers["ETag"]) == (expected, cancelled.headers["ETag"])
        assert "Retry-After" not in read.headers


async def test_what_a_settled_order_shows(shop: Shop) -> None:
    items = [
        line(quantity=2, sellToName="Line", wallet={"names": ["Ann", ""], "externalReferenceNumbers": ["X-1", ""]}),
        line(itemNumber="33001", visitTime="00:00:00", sellToLanguage="DAN", sellToEmail=None),
    ]
    header = {"sellToName": "Jane", "sellToEmail": "jane@example.com", "sellToLanguage": "enu"}
    async with shop.issuing():
        issued = await shop.settled(await shop.issued(items=items, **header))
    tickets, coffee = issued["items"]
    assert set(issued) == HEADER | {"totals", "manifestUrl"}
    assert issued["totals"] == {
        "exclVat": Decimal("224.00"),
        "vat": Decimal("56.00"),
        "inclVat": Decimal("280.00"),
        "currencyCode": "DKK",
    }
    for row in issued["items"]:
        assert set(row) == LINE
    assert (tickets["lineNo"], coffee["lineNo"]) == (100000, 200000)
    assert (tickets["description"], coffee["description"]) == ("Day ticket, adult", "Kaffe")
    assert (tickets["sellToName"], coffee["sellToName"]) == ("Line", "Jane")
    assert (tickets["sellToEmail"], coffee["sellToEmail"]) == ("jane@example.com", "")
    assert (tickets["sellToLanguage"], coffee["sellToLanguage"]) == ("ENU", "DAN")
    assert (tickets["visitDate"], tickets["visitTime"], coffee["visitTime"]) == (visit_date(), "10:30:00", "00:00:00")
    first, second = tickets["wallets"]
    assert [wallet["seqNo"] for wallet in tickets["wallets"]] == [1, 2]
    assert (first["name"], second["name"]) == ("Ann", "Day ticket, adult")
    assert coffee["wallets"][0]["name"] == "Kaffe"
    assert first["externalReferenceNumber"] == "X-1" != first["walletReferenceNumber"]
    assert second["externalReferenceNumber"] == second["walletReferenceNumber"]
    assert (first["unitPriceExclVat"], first["unitPriceInclVat"]) == (Decimal("100.00"), Decimal("125.00"))
    assert TIMESTAMP.fullmatch(first["issuedAt"])
    [asset] = first["assets"]
    assert asset == {
        **asset,
        "type": "ticket",
        "itemNumber": "31001",
        "description": "Day ticket, adult",
    }
    assert set(asset) == {"id", "type", "assetId", "referenceNumber", "itemNumber", "description"}
    assert re.fullmatch(r"T\d{12}[A-Z]{6}", asset["referenceNumber"])
    assert coffee["wallets"][0]["assets"][0]["type"] == "coupon"
    assert issued["jobId"]


async def test_prices_are_written_with_the_digits_of_the_currency(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.issued()
    text = (await shop.get(path)).text
    assert '"unitPriceExclVat":100.00,"unitPriceInclVat":125.00' in text
    assert '"totals":{"exclVat":100.00,"vat":25.00,"inclVat":125.00' in text


async def test_an_order_in_error_says_why_and_can_be_edited_and_sent_again(shop: Shop) -> None:
    """GET → edit → PUT, with every read-only field still in it."""
    path = await shop.failed(items=[line(quantity=2), line(itemNumber="33001")], sellToLanguage="DAN")
    failed = (await shop.get(path)).body
    assert set(failed) == HEADER
    assert (failed["status"], failed["jobId"]) == ("Error", "")
    assert failed["statusMessage"]
    assert [(row["description"], row["wallets"]) for row in failed["items"]] == [
        ("Dagsbillet, voksen", []),
        ("Kaffe", []),
    ]
    failed["items"][0]["quantity"] = 1
    sent_again = await shop.call("PUT", path, failed)
    assert sent_again.status == 200, sent_again.text
    assert (sent_again.body["status"], sent_again.body["statusMessage"]) == ("Submitted", "")
    assert sent_again.body["receivedAt"] == failed["receivedAt"]
    async with shop.issuing():
        settled = await shop.settled(path)
    assert settled["status"] == "Draft"
    assert [row["quantity"] for row in settled["items"]] == [1, 1]


async def test_the_wallets_of_a_draft_are_not_overlooked(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.draft(items=[line(), line()])
    draft = (await shop.get(path)).body
    assert (await shop.call("PUT", path, draft)).faults == [
        ("/items/0/wallets", "read_only"),
        ("/items/1/wallets", "read_only"),
    ]
    draft["items"][0]["wallets"] = []
    del draft["items"][1]["wallets"]
    assert (await shop.call("PUT", path, draft)).status == 200


@pytest.mark.parametrize("status", ["Draft", "Error"])
async def test_a_cancelled_draft_or_error_is_removed(shop: Shop, status: str) -> None:
    if status == "Error":
        path = await shop.failed(sellToOrderReference="AGAIN")
    else:
        async with shop.issuing():
            path = await shop.draft(sellToOrderReference="AGAIN")
    auditor = await shop.auditor_key()
    removed = await shop.call("DELETE", path)
    assert removed.status == 200
    assert removed.body == {**removed.body, "removed": True, "status": "Cancelled", "items": [], "jobId": ""}
    assert set(removed.body) == HEADER | {"removed"}
    for method, place, body in (
        ("GET", path, None),
        ("GET", f"{path}?asOf=2099-01-01T00:00:00Z", None),
        ("PUT", path, shop.body(sellToOrderReference="AGAIN")),
        ("POST", f"{path}/confirm", {"paymentReference": "P"}),
        ("DELETE", path, None),
    ):
        for key in (shop.key, OPERATOR_KEY):
            gone = await shop.call(method, place, body, key=key)
            assert (gone.status, gone.code) == (404, "resource_not_found"), (method, place)
    assert (await shop.get(f"{path}/history")).status == 404
    for key in (auditor, OPERATOR_KEY):
        history = await shop.get(f"{path}/history", key=key)
        assert "order.removed.v1" in [event["type"] for event in history.body]
    assert (await shop.create(sellToOrderReference="AGAIN")).status == 201  # its reference is free again


async def test_put_clears_what_is_absent(shop: Shop) -> None:
    header = {"sellToName": "N", "sellToEmail": "e@example.com", "sellToLanguage": "dan"}
    path = await shop.failed(sellToOrderReference="R", paymentReference="PAY", **header)
    replaced = await shop.call("PUT", path, shop.body(sellToOrderReference="R", sellToName=None, paymentReference=""))
    assert replaced.status == 200
    cleared = ("sellToName", "sellToEmail", "sellToLanguage", "paymentReference")
    assert [replaced.body[name] for name in cleared] == [""] * 4
