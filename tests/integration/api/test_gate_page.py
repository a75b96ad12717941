"""The gate's page in a headless browser: what an attendant reads and sees of each ticket, and how guests are let in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Browser, Error, Page, ViewportSize, expect

from tests.browser import DESK, PHONE, visiting
from tests.integration.api.at_the_gate import CATALOG, gate_key, in_days, issued, number_of_one, redeem, today, wallets
from tests.integration.api.serving import OPERATOR_KEY, serving
from tests.integration.api.shop import Shop, line, stocked

VENUE = "Harbour <i>Museum</i>"
SHOWS = {**CATALOG, "venue": {**CATALOG["venue"], "name": VENUE}}
REFUSED = ("404", "409", "429", "403", "401", "ERR_")  # what Chromium writes to its console of answers and of none


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """An instance with the issuer at work."""
    async with stocked(dsn) as running:
        await running.publish(SHOWS)
        async with running.issuing():
            yield running


@asynccontextmanager
async def gate(
    browser: Browser, shop: Shop, key: str | None = None, size: ViewportSize = PHONE, *, init: str = ""
) -> AsyncIterator[Page]:
    """The page, opened with a gate key. `init`: a script that runs in it first."""
    async with visiting(browser, size, expected=REFUSED) as page:
        if init:
            await page.add_init_script(init)
        # Under the path of the public address, where a venue's own proxy would have it.
        await page.goto(f"{shop.url}/venue/gate")
        await enter_key(page, key or await gate_key(shop))
        yield page


async def enter_key(page: Page, key: str) -> None:
    await page.keyboard.type(key)
    await page.keyboard.press("Enter")
    await expect(page.locator("#reference")).to_be_focused()


async def scan(page: Page, number: str) -> None:
    """As a scanner does that types."""
    await page.keyboard.insert_text(number)
    await page.keyboard.press("Enter")


class Seen(NamedTuple):
    state: str
    title: str
    told: str
    icon: str
    colours: tuple[str, str]


async def seen(page: Page, state: str) -> Seen:
    """What stands there once it is in this state. Its colours: of the ground, and of the writing."""
    result = page.locator(f"#result[data-state={state}]")
    await expect(result).to_be_visible()
    ground, ink = await result.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]")
    icon = await page.locator("#icon").get_attribute("href")
    title, told = await page.locator("#title").inner_text(), await page.locator("#told").inner_text()
    return Seen(state, title, told, icon or "", (ground, ink))


def contrast(colours: tuple[str, str]) -> float:
    """Of two colours, from 1 to 21. Source: WCAG 2.2, contrast ratio."""

    def luminance(colour: str) -> float:
        shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted(map(luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def one_of_each(shop: Shop) -> dict[str, str]:
    """A number for each state in which the page can tell of it."""
    _, valid = await number_of_one(shop, visitTime="10:30:00")
    _, used = await number_of_one(shop)
    assert (await redeem(shop, used)).status == 200
    cancelled, void = await number_of_one(shop)
    assert (await shop.call("DELETE", cancelled)).status == 200
    draft = await shop.draft(items=[line(visitDate=today())])
    later = await shop.issued(items=[line(visitDate=in_days(30))])
    unconfirmed, not_today = [(await wallets(shop, path))[0]["assets"][0]["referenceNumber"] for path in (draft, later)]
    return {
        "valid": valid,
        "used": used,
        "void": void,
        "unconfirmed": unconfirmed,
        "not-today": not_today,
        "unknown": "T-none",
    }


WORDS = {
    "valid": ("Valid", r"Today, 10:30"),
    "used": ("Already used", r"Used today at \d\d:\d\d\. Nobody is let in on it again\."),
    "void": ("Void", r"It was cancelled, replaced or not paid in time\. Nobody is let in on it\."),
    "unconfirmed": ("Not paid yet", r"Its order waits to be paid\. Nobody is let in on it until then\."),
    "not-today": ("Not today", r"It is for \w+, \d+ \w+ 20\d\d\."),
    "unknown": ("Unknown", r"No ticket and no wallet has the number T-none"),
}


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_each_ticket_is_told_in_words_an_icon_and_a_colour(
    shop: Shop, browser: Browser, tmp_path: Path, size: ViewportSize
) -> None:
    numbers = await one_of_each(shop)
    colours = set()
    async with gate(browser, shop, size=size) as page:
        colours.add((await seen(page, "ready")).colours)
        for state, number in numbers.items():
            await scan(page, number)
            told = await seen(page, state)
            title, sentence = WORDS[state]
            assert told.title == title
            assert re.fullmatch(sentence, told.told), told
            assert told.icon == f"#{state}"
            assert contrast(told.colours) >= 4.5, told
            colours.add(told.colours)
            assert await page.locator("#admit").is_visible() == (state == "valid")
            await expect(page.locator("#reference")).to_be_focused()
            await _fits(page)
            await page.screenshot(path=tmp_path / f"{state}.png")
        assert len(colours) == len(numbers) + 1
        await page.emulate_media(media="print")
        assert await page.locator("body").is_hidden()


async def _fits(page: Page) -> None:
    """Nothing is wider than the screen, and what can be touched is large enough for a finger."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in await page.locator("button:visible").all():
        box = await button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44


# Letting in


async def test_one_touch_lets_in_and_the_next_scan_follows(shop: Shop, browser: Browser) -> None:
    _, first = await number_of_one(shop)
    _, second = await number_of_one(shop)
    async with gate(browser, shop) as page:
        await scan(page, first)
        await page.get_by_role("button", name="Let in 1 person").tap()
        assert (await seen(page, "let-in"))[:3] == ("let-in", "Admitted", "1 person may enter.")
        await expect(page.locator("#reference")).to_be_focused()
        await scan(page, first)
        assert (await seen(page, "used")).title == "Already used"
        await scan(page, second)
        await seen(page, "valid")
        # Without a mouse: Enter in the empty field; of a scanner that sends two, the second one does nothing.
        await page.evaluate("offered.since = performance.now() + 60_000")  # it was shown this very moment
        await page.keyboard.press("Enter")
        await expect(page.locator("#result[data-state=valid]")).to_be_visible()
        await page.evaluate("offered.since = performance.now() - NO_HASTE_MS - 1")
        await page.keyboard.press("Enter")
        await seen(page, "let-in")


async def test_of_a_group_the_persons_that_came_are_let_in(shop: Shop, browser: Browser) -> None:
    path, number = await number_of_one(shop, itemNumber="31009", quantity=3)
    async with gate(browser, shop) as page:
        await scan(page, number)
        await expect(page.locator("#came")).to_have_text("3 of 3 came")
        assert await page.locator("#more").is_disabled()
        await page.get_by_role("button", name="One fewer").tap()
        await expect(page.locator("#came")).to_have_text("2 of 3 came")
        await page.get_by_role("button", name="Let in 2 persons").tap()
        assert (await seen(page, "let-in")).told == "2 persons may enter."
    event = (await shop.get(f"{path}/history")).body[-1]
    assert [asset["persons"] for asset in event["data"]["assets"]] == [2]


async def test_a_wallet_shows_all_that_is_in_it_and_whose_it_is(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    name = "<script>alert(1)</script> {{7*7}} الاسم"
    texts = {"names": [name], "externalReferenceNumbers": ["JD / 1"]}
    await issued(shop, itemNumber="35001", wallet=texts)
    async with gate(browser, shop) as page:
        await expect(page.locator("header")).to_contain_text(VENUE)
        await scan(page, "JD / 1")
        await seen(page, "valid")
        await expect(page.locator("#wallet")).to_have_text(name)
        assert await page.locator("#tickets li").all_inner_texts() == ["Day ticket, adult\nValid"] * 2 + [
            "Coffee\nValid"
        ]
        await page.screenshot(path=tmp_path / "wallet.png")
        await _fits(page)
        await page.get_by_role("button", name="Let in 2 persons").tap()
        assert (await seen(page, "let-in")).told == "2 persons may enter."
        await expect(page.locator("#tickets li").last).to_have_text("CoffeeValid")
        await scan(page, "JD / 1")
        await seen(page, "used")


async def test_who_was_faster_elsewhere_is_told(shop: Shop, browser: Browser) -> None:
    """Used, or cancelled, between the scan and the touch."""
    _, number = await number_of_one(shop)
    path, cancelled = await number_of_one(shop)
    async with gate(browser, shop) as page:
        await scan(page, number)
        await seen(page, "valid")
        assert (await redeem(shop, number)).status == 200
        await page.locator("#admit").tap()
        assert "Used today" in (await seen(page, "used")).told
        await scan(page, cancelled)
        await seen(page, "valid")
        assert (await shop.call("DELETE", path)).status == 200
        await page.locator("#admit").tap()
        await seen(page, "void")


async def test_a_scanner_types_into_the_field_whatever_was_touched_before(shop: Shop, browser: Browser) -> None:
    _, number = await number_of_one(shop)
    async with gate(browser, shop, size=DESK) as page:
        await scan(page, number)
        await seen(page, "valid")
        await page.locator("#title").click()
        await scan(page, "T-none")
        await seen(page, "unknown")
        await page.locator("#forget").focus()
        await page.keyboard.type("T-more")
        await page.keyboard.press("Enter")
        assert "T-more" in (await seen(page, "unknown")).told


# What can go wrong


async def test_the_key_is_asked_for_and_forgotten(shop: Shop, browser: Browser) -> None:
    _, number = await number_of_one(shop)
    async with gate(browser, shop, "ota_g_not_a_key") as page:
        await scan(page, number)
        await expect(page.locator("#key-told")).to_have_text("This key is not known, or was revoked.")
        assert await page.evaluate("sessionStorage.length") == 0
        await enter_key(page, await gate_key(shop))
        await page.reload()
        await scan(page, number)
        await seen(page, "valid")
        await page.get_by_role("button", name="Forget the key").tap()
        await expect(page.locator("#key")).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0
        await expect(page.locator("#scanning")).to_be_hidden()


async def test_a_key_without_the_right_lets_nobody_in(shop: Shop, browser: Browser) -> None:
    _, number = await number_of_one(shop)
    async with gate(browser, shop, shop.key) as page:
        await scan(page, number)
        await page.locator("#admit").tap()
        told = await seen(page, "trouble")
        assert (told.title, told.told) == ("Not with this key", "It may not do this. Ask the office for a gate key.")
        assert contrast(told.colours) >= 4.5


async def test_who_scans_too_much_that_is_unknown_is_told_how_long_to_wait(shop: Shop, browser: Browser) -> None:
    key = await gate_key(shop)
    for guess in range(30):
        assert (await shop.get(f"/tickets/T-{guess}", key=key)).status == 404
    async with gate(browser, shop, key) as page:
        await scan(page, "T-1")
        told = (await seen(page, "trouble")).told
        assert re.fullmatch(r"Too many unknown numbers\. This key may ask again in \d\d seconds\.", told)


async def test_without_a_network_it_says_whether_anything_was_used(shop: Shop, browser: Browser) -> None:
    _, number = await number_of_one(shop)
    async with gate(browser, shop) as page:
        await page.context.set_offline(True)
        await scan(page, number)
        told = await seen(page, "trouble")
        assert (told.title, told.told) == ("No connection", "Nothing was used. Check the network, and scan it again.")
        await page.context.set_offline(False)
        await scan(page, number)
        await seen(page, "valid")
        await page.context.set_offline(True)
        await page.locator("#admit").tap()
        assert (await seen(page, "trouble")).told == "Nobody knows whether it was used. Scan it again: it tells."
        await page.context.set_offline(False)
        await scan(page, number)
        await seen(page, "valid")


# The camera

CAMERA = """
navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
HTMLVideoElement.prototype.play = async () => {};
window.codes = [];
window.BarcodeDetector = class { async detect() { return window.codes; } };
"""


async def test_the_camera_reads_codes_where_the_browser_can(shop: Shop, browser: Browser) -> None:
    _, number = await number_of_one(shop)
    async with gate(browser, shop, init=CAMERA) as page:
        await page.get_by_role("button", name="Camera").tap()
        await expect(page.locator("#view")).to_be_visible()
        await page.evaluate("number => { codes = [{ rawValue: number }]; }", number)
        await seen(page, "valid")
        await page.locator("#admit").tap()
        await seen(page, "let-in")  # and is not read again at once, while the guest still holds it up
        await page.get_by_role("button", name="Camera").tap()
        await expect(page.locator("#view")).to_be_hidden()


# The answer


async def test_the_page_is_whole_and_runs_nothing_else(shop: Shop, browser: Browser) -> None:
    answer = await shop.get("/gate", key=None)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert OPERATOR_KEY not in answer.text
    asked: list[str] = []
    async with visiting(browser, expected=("Content Security Policy", "TrustedScript")) as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{shop.url}/gate")
        assert asked == [f"{shop.url}/gate"]
        added: Any = await page.evaluate(
            "() => { const s = document.createElement('style'); s.textContent = 'h1 { color: red }';"
            " document.head.append(s); return s.sheet; }"
        )
        assert added is None
        with pytest.raises(Error, match="TrustedScript"):
            await page.evaluate("document.createElement('script').textContent = 'window.ran = 1'")


async def test_before_there_is_a_catalog_the_page_is_there(dsn: str) -> None:
    async with serving(dsn) as api:
        answer = await api.call("GET", "/gate", key=None)
        assert (answer.status, 'data-time-zone="UTC"' in answer.text) == (200, True)
