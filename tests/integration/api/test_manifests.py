"""Manifests over HTTP: who has the address has the tickets, as long as they are issued; nobody else hears of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pypdfium2
import pytest
from structlog.testing import capture_logs

from infra.postgres.errors import DatabaseUnavailable
from services.api.deadlines import REQUEST_SECONDS
from services.manifests import printers
from services.manifests.press import Press
from services.manifests.printers import Printer
from services.manifests.tokens import Claim, ManifestTokens
from tests.integration.api.manifests import BROWSER, fetched, museum_shop, numbers, outing, place, wallets
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import VENUE_ZONE, Shop, line, order_id, projecting
from tests.pictures import codes_of, texts_of


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with museum_shop(dsn) as running:
        yield running


def tokens_of(shop: Shop) -> ManifestTokens:
    return ManifestTokens(shop.platform.secrets.manifests)


def addresses(order: Any) -> list[str]:
    """All that the order, as answered, tells of manifests."""
    return re.findall(r'"manifestUrl":"([^"]*)"', order.text)


# Where the address is told


async def test_an_issued_order_and_each_of_its_wallets_has_an_address_and_nothing_else_has(shop: Shop) -> None:
    draft = await shop.draft()
    assert addresses(await shop.get(draft)) == []
    confirmed = await shop.call("POST", f"{draft}/confirm", {"paymentReference": "PAY-1"})
    assert len(addresses(confirmed)) == 2
    assert addresses(await shop.get(draft)) == addresses(confirmed)
    assert confirmed.body["manifestUrl"] == addresses(confirmed)[0]
    assert wallets(confirmed.body)[0]["manifestUrl"] == addresses(confirmed)[1]
    assert addresses(await shop.call("DELETE", draft)) == []
    assert addresses(await shop.create()) == []


async def test_every_wallet_has_an_address_of_its_own(shop: Shop) -> None:
    order = await outing(shop)
    told = [order["manifestUrl"], *[wallet["manifestUrl"] for wallet in wallets(order)]]
    assert len(set(told)) == 5
    for url, wallet in zip(told[1:], wallets(order), strict=True):
        page = (await fetched(shop, place(url))).body.decode()
        shown = [number for number in numbers(order) if number in page]
        assert shown == [asset["referenceNumber"] for asset in wallet["assets"]]


async def test_a_summary_has_the_orders_address(shop: Shop) -> None:
    async with projecting(shop):
        order = await outing(shop)
        await shop.draft()
        await shop.projected()
        issued = {row["orderId"]: row.get("manifestUrl") for row in await shop.listed()}
    assert issued.pop(order["orderId"]) == order["manifestUrl"]
    assert set(issued.values()) == {None}


async def test_the_first_answer_is_replayed_with_its_address(shop: Shop) -> None:
    path = await shop.draft()
    confirm = {"paymentReference": "PAY-1"}
    first = await shop.call("POST", f"{path}/confirm", confirm, headers={"Idempotency-Key": "K"})
    again = await shop.call("POST", f"{path}/confirm", confirm, headers={"Idempotency-Key": "K"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert addresses(again) == addresses(first) != []


# What is shown


async def test_the_page_of_an_order_shows_every_ticket_without_a_key(shop: Shop) -> None:
    order = await outing(shop)
    answer = await fetched(shop, place(order["manifestUrl"]), **BROWSER)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert [number for number in numbers(order) if number in page] == numbers(order)
    for said in ("Harbour Museum", order["buyFromOrderReference"], "Ada Nord", "Cleo Nord", "Class 5b", "Rundvisning"):
        assert said in page


async def test_it_is_kept_by_nobody_and_told_to_nobody(shop: Shop) -> None:
    path = place((await outing(shop))["manifestUrl"])
    for where in (path, f"{path}.pdf", f"{path[:-3]}AAA", f"{path[:-3]}AAA.pdf"):
        for asks in ({}, BROWSER):
            headers = (await fetched(shop, where, **asks)).headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Robots-Tag"].startswith("noindex")
            if headers["Content-Type"].startswith("text/html"):
                assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


async def test_the_pdf_has_a_sheet_for_each_ticket(shop: Shop) -> None:
    order = await outing(shop)
    answer = await fetched(shop, f"{place(order['manifestUrl'])}.pdf")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    filename = f'inline; filename="tickets-{order["buyFromOrderReference"]}.pdf"'
    assert answer.headers["Content-Disposition"] == filename
    assert await asyncio.to_thread(codes_of, answer.body) == [[number] for number in numbers(order)]
    assert "Persons 24" in (await asyncio.to_thread(texts_of, answer.body))[-1]


async def test_both_are_served_with_and_without_the_public_path(shop: Shop) -> None:
    path = place((await outing(shop))["manifestUrl"])
    assert path.startswith("/venue/manifests/")
    for suffix in ("", ".pdf"):
        assert (await fetched(shop, path.removeprefix("/venue") + suffix)).status == 200


async def test_an_address_can_be_asked_for_its_head(shop: Shop) -> None:
    path = place((await outing(shop))["manifestUrl"])
    for where, kind in ((path, "text/html; charset=utf-8"), (f"{path}.pdf", "application/pdf")):
        async with shop.client.head(shop.url + where) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, kind)
            assert response.headers["Cache-Control"] == "no-store"
            assert await response.read() == b""


async def test_texts_are_in_the_partners_language_where_the_order_names_none(shop: Shop) -> None:
    answer = await shop.call("PATCH", f"/admin/partners/{shop.partner_id}", {"language": "DEU"}, key=OPERATOR_KEY)
    assert answer.status == 200
    order = await outing(shop)
    page = (await fetched(shop, place(order["manifestUrl"]))).body.decode()
    assert '<html lang="de">' in page
    assert re.findall(r'<section lang="(..)"', page) == ["de", "de", "da", "de"]


async def test_a_used_ticket_is_shown_as_used(shop: Shop) -> None:
    order = await outing(shop, items=[line(quantity=2, visitDate=datetime.now(VENUE_ZONE).date().isoformat())])
    path = place(order["manifestUrl"])
    assert b'class="ticket used"' not in (await fetched(shop, path)).body
    redeemed = await shop.call("POST", f"/tickets/{numbers(order)[0]}/redeem", key=OPERATOR_KEY)
    assert redeemed.status == 200, redeemed.text
    page = (await fetched(shop, path)).body
    assert (page.count(b'class="ticket used"'), page.count(b'class="ticket"')) == (1, 1)
    pdf = (await fetched(shop, f"{path}.pdf")).body
    assert "Used" in (await asyncio.to_thread(texts_of, pdf))[0]


# What is not


async def test_of_a_cancelled_order_nothing_is_shown_any_more(shop: Shop) -> None:
    path = await shop.issued()
    order = await shop.get(path)
    for url in addresses(order):
        assert (await fetched(shop, place(url))).status == 200
    assert (await shop.call("DELETE", path)).status == 200
    for url in addresses(order):
        for suffix in ("", ".pdf"):
            answer = await shop.get(place(url) + suffix, key=None)
            assert (answer.status, answer.code) == (410, "gone")


async def test_a_drafts_tickets_are_not_shown_and_those_that_it_had_before_are_gone(shop: Shop) -> None:
    """Nobody is told these addresses; they are tried all the same."""
    path = await shop.draft()

    async def token() -> str:
        job = UUID((await shop.get(path)).body["jobId"])
        return tokens_of(shop).token(Claim(order_id(path), job, None))

    first = await token()
    assert (await shop.get(f"/manifests/{first}", key=None)).code == "resource_not_found"
    replaced = await shop.call("PUT", path, {**shop.body(), "sellToOrderReference": "R-1", "items": [line()]})
    assert replaced.status == 200, replaced.text
    assert (await shop.settled(path))["status"] == "Draft"
    second = await token()
    assert (await shop.get(f"/manifests/{first}", key=None)).code == "gone"
    await shop.call("POST", f"{path}/confirm", {"paymentReference": "PAY-1"})
    assert (await fetched(shop, f"/manifests/{second}")).status == 200
    assert (await shop.get(f"/manifests/{first}", key=None)).code == "gone"


async def test_of_a_removed_draft_nothing_is_left(shop: Shop) -> None:
    path = await shop.draft()
    job = UUID((await shop.get(path)).body["jobId"])
    assert (await shop.call("DELETE", path)).status == 200
    token = tokens_of(shop).token(Claim(order_id(path), job, None))
    assert (await shop.get(f"/manifests/{token}", key=None)).code == "gone"


async def test_what_is_no_address_of_ours_is_not_found_and_costs_the_database_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await outing(shop)
    token = place(order["manifestUrl"]).rpartition("/")[2]
    strange = ManifestTokens(bytes(32)).token(Claim(UUID(order["orderId"]), UUID(order["jobId"]), None))
    reads: list[object] = []
    monkeypatch.setattr(shop.platform.reads, "rows", reads.append)
    for tried in (
        strange,
        token[:-1],
        f"{token}A",
        token.swapcase(),
        order["orderId"],
        "%00",
        "A" * 64,
        "..%2f",
        ".pdf",
    ):
        for suffix in ("", ".pdf"):
            answer = await shop.get(f"/manifests/{tried}{suffix}", key=None)
            assert (answer.status, answer.code) == (404, "resource_not_found"), tried
    assert reads == []


async def test_an_order_that_the_database_does_not_know_is_not_found(shop: Shop) -> None:
    """It was restored from a backup of before."""
    token = tokens_of(shop).token(Claim(uuid4(), uuid4(), 3))
    assert (await shop.get(f"/manifests/{token}", key=None)).code == "resource_not_found"


async def test_a_browser_is_told_in_words_in_its_language_with_the_same_status(shop: Shop) -> None:
    path = await shop.issued()
    url = place((await shop.get(path)).body["manifestUrl"])
    await shop.call("DELETE", path)
    gone = await fetched(shop, f"{url}.pdf", **BROWSER, **{"Accept-Language": "da-DK,da;q=0.9,en;q=0.5"})
    assert (gone.status, gone.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
    assert "Disse billetter gælder ikke længere" in gone.body.decode()
    unknown = await fetched(shop, "/manifests/x", **BROWSER)
    assert unknown.status == 404
    assert "There are no tickets here" in unknown.body.decode()
    assert "X-Correlation-Id" in unknown.headers


async def test_what_is_not_accepted_is_said_with_what_there_is(shop: Shop) -> None:
    path = place((await outing(shop))["manifestUrl"])
    for where, asks, there_is in (
        (path, "application/pdf", "text/html"),
        (f"{path}.pdf", "image/*", "application/pdf"),
    ):
        answer = await shop.get(where, key=None, headers={"Accept": asks})
        assert (answer.status, answer.code, answer.body["available"]) == (406, "not_acceptable", [there_is])
    for asks in ("text/*", "text/html;q=0.1, */*;q=0", "*/*"):
        assert (await fetched(shop, path, Accept=asks)).status == 200


async def test_only_reading_is_possible(shop: Shop) -> None:
    path = place((await outing(shop))["manifestUrl"])
    for where in (path, f"{path}.pdf"):
        answer = await shop.call("DELETE", where, key=None)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_with_the_database_away_a_guest_is_asked_to_try_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place((await outing(shop))["manifestUrl"])

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable("at 10.0.0.1")

    monkeypatch.setattr(shop.platform.reads, "rows", fail)
    answer = await shop.get(path, key=None)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    page = await fetched(shop, path, **BROWSER)
    assert (page.status, page.headers["Retry-After"]) == (503, "1")
    assert "One moment, please" in page.body.decode()


# Nobody hears of it


async def test_neither_address_nor_token_nor_guest_is_ever_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    order = await outing(shop)
    url = place(order["manifestUrl"])
    with caplog.at_level("DEBUG"), capture_logs() as logs:
        for where in (url, f"{url}.pdf", f"{url[:-2]}AA", f"{url[:-2]}AA.pdf", f"{url}/more"):
            for asks in ({}, BROWSER, {"Accept": "image/png"}):
                await fetched(shop, where, **asks)
        async with shop.client.post(shop.url + url) as response:
            assert response.status == 405
    # Of the client in this process, and of the loop, we are told as well.
    told = f"{logs} {[record.getMessage() for record in caplog.records]}"
    assert "getManifestPdf" in told
    assert url.rpartition("/")[2][:40] not in told
    for hidden in ("/manifests", "Ada Nord", *numbers(order)):
        assert hidden not in told


# Large ones


async def test_a_large_order_is_shown_whole_and_holds_nobody_up(shop: Shop) -> None:
    """(The watchdog of these tests sees to it that the loop was not held.)"""
    order = await outing(shop, items=[line(quantity=120)])
    path = place(order["manifestUrl"])
    page, pdf, small = await asyncio.gather(
        fetched(shop, path), fetched(shop, f"{path}.pdf"), fetched(shop, place(wallets(order)[7]["manifestUrl"]))
    )
    assert "Content-Length" not in page.headers  # it is sent as it is made
    assert page.body.count(b"<svg") == 120
    assert page.body.endswith(b"</html>")
    assert len(pypdfium2.PdfDocument(pdf.body)) == 120
    assert int(small.headers["Content-Length"]) == len(small.body)


async def test_a_pdf_may_take_longer_than_other_answers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await outing(shop)
    slow = REQUEST_SECONDS + 0.5
    piece = Press.piece
    waited: list[float] = []

    async def late(self: Press, work: Any) -> Any:
        if not waited:
            waited.append(slow)
            await asyncio.sleep(slow)
        return await piece(self, work)

    monkeypatch.setattr(Press, "piece", late)
    assert (await fetched(shop, f"{place(order['manifestUrl'])}.pdf")).status == 200


async def test_where_too_many_are_being_printed_the_next_is_asked_to_come_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{place((await outing(shop))['manifestUrl'])}.pdf"
    monkeypatch.setattr(printers, "MOST_SHEETS", 5)
    at_work, go_on = asyncio.Event(), asyncio.Event()
    pdf = Printer.pdf

    async def held(self: Printer, packed: bytes) -> bytes:
        at_work.set()
        await go_on.wait()
        return await pdf(self, packed)

    monkeypatch.setattr(Printer, "pdf", held)
    making = asyncio.create_task(fetched(shop, path))
    await at_work.wait()
    refused = await shop.get(path, key=None)
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "unavailable", "1")
    go_on.set()
    assert (await making).status == 200
    assert (await fetched(shop, path)).status == 200
