"""The manifest in a headless browser, and what a printer makes of it: readable, nothing cut, every code can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.browser import DESK, PHONE, visiting
from tests.integration.api.manifests import HOSTILE, museum_shop, numbers, outing, place
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import VENUE_ZONE, Shop, line, now
from tests.pictures import codes_in, codes_of

SMALL: ViewportSize = {"width": 320, "height": 568}

_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_CUT = """[...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).display != 'inline').map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with museum_shop(dsn) as running:
        yield running


async def opened(shop: Shop, page: Page, url: str) -> None:
    await page.goto(shop.url + place(url))


async def pictured(page: Page, path: Path) -> None:
    """A picture of all of the page is kept, so that it can be looked at."""
    await page.screenshot(path=path, full_page=True)


async def codes_on(page: Page) -> list[str]:
    """What a scanner reads off the screen, a ticket at a time."""
    read: list[str] = []
    for ticket in await page.locator("figure").all():
        read += await asyncio.to_thread(codes_in, await ticket.screenshot())
    return read


@pytest.mark.parametrize("size", [SMALL, PHONE, DESK], ids=["small", "phone", "desk"])
async def test_every_code_can_be_read_off_the_screen(
    shop: Shop, browser: Browser, size: ViewportSize, tmp_path: Path
) -> None:
    order = await outing(shop)
    async with visiting(browser, size) as page:
        await opened(shop, page, order["manifestUrl"])
        await pictured(page, tmp_path / "order.png")
        assert await codes_on(page) == numbers(order)
        assert await page.evaluate(_WIDER) == 0
        assert await page.evaluate(_CUT) == []


@pytest.mark.parametrize("size", [SMALL, DESK], ids=["small", "desk"])
async def test_names_are_shown_as_text_whatever_is_in_them(
    shop: Shop, browser: Browser, size: ViewportSize, tmp_path: Path
) -> None:
    order = await outing(shop, items=[line(quantity=len(HOSTILE), wallet={"names": HOSTILE})])
    async with visiting(browser, size) as page:
        await opened(shop, page, order["manifestUrl"])
        shown = await page.locator("dl div:first-child bdi").all_text_contents()
        assert shown == HOSTILE
        assert await page.title() == "Your tickets · Harbour Museum"
        assert await page.locator("script").count() == 0
        await pictured(page, tmp_path / "names.png")
        assert await codes_on(page) == numbers(order)
        assert await page.evaluate(_WIDER) == 0
        assert await page.evaluate(_CUT) == []


async def test_a_used_ticket_can_be_told_at_a_glance(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    today = now().astimezone(VENUE_ZONE).date().isoformat()
    order = await outing(shop, items=[line(quantity=2, visitDate=today)])
    used, valid = numbers(order)
    assert (await shop.call("POST", f"/tickets/{used}/redeem", key=OPERATOR_KEY)).status == 200
    async with visiting(browser, PHONE) as page:
        await opened(shop, page, order["manifestUrl"])
        await expect(page.locator(".used .status")).to_contain_text("Used")
        await expect(page.locator(".ticket:not(.used) .status")).to_have_text("Valid")
        await pictured(page, tmp_path / "used.png")
        code = await page.locator(".ticket:not(.used) svg").screenshot()
        assert await asyncio.to_thread(codes_in, code) == [valid]


async def test_a_screen_reader_is_told_of_all_of_it(shop: Shop, browser: Browser) -> None:
    order = await outing(shop)
    async with visiting(browser, PHONE) as page:
        await opened(shop, page, order["manifestUrl"])
        for number in numbers(order):
            await expect(page.get_by_role("img", name=number)).to_have_count(1)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Your tickets")
        await expect(page.get_by_role("heading", level=2, name="Tour and coffee")).to_have_count(1)
        await expect(page.get_by_role("link", name="Print, or save as PDF")).to_have_count(1)
        languages = await page.evaluate("[...document.querySelectorAll('section')].map(e => e.lang)")
        assert languages == ["en", "en", "da", "en"]


async def test_printed_by_the_browser_there_is_a_ticket_a_sheet(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    order = await outing(shop)
    async with visiting(browser, DESK) as page:
        await opened(shop, page, order["manifestUrl"])
        pdf = await page.pdf(path=tmp_path / "printed.pdf", format="A4", print_background=True)
    assert await asyncio.to_thread(codes_of, pdf) == [[number] for number in numbers(order)]


async def test_the_link_leads_to_the_pdf(shop: Shop, browser: Browser) -> None:
    order = await outing(shop)
    async with visiting(browser, PHONE) as page:
        await opened(shop, page, order["manifestUrl"])
        link = await page.get_by_role("link").evaluate("e => e.href")
    assert link == f"{shop.url}{place(order['manifestUrl'])}.pdf"


async def test_why_there_are_no_tickets_is_said_in_a_page(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    async with visiting(browser, PHONE, expected=("404",)) as page:
        answer = await page.goto(f"{shop.url}/manifests/mistyped")
        assert answer is not None
        assert answer.status == 404
        await expect(page.get_by_role("heading")).to_have_text("There are no tickets here")
        await pictured(page, tmp_path / "none.png")
        assert await page.evaluate(_WIDER) == 0
