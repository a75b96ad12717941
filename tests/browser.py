"""A headless Chromium for tests of the pages: by Playwright, with the browser that the machine has.

`visiting` opens a page at a phone's or a desk's size; a script of the page that fails, or something of the page that is
not allowed or not there, fails the test.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path

from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright, expect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ON_A_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

_POLITE = Path(__file__).with_name("polite-chromium.sh")

# No sandbox: it sees our own pages only, and in a container it could not have one. The rest: it calls nobody itself.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Of a machine that others use too.
_PATIENCE_MS = 20_000

PHONE: ViewportSize = {"width": 375, "height": 667}
DESK: ViewportSize = {"width": 1280, "height": 800}


@lru_cache
def chromium() -> str | None:
    """The path of the machine's browser, None where it has none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or (_ON_A_MAC if Path(_ON_A_MAC).exists() else None)


def what_is_missing() -> str | None:
    """What to install to have a browser; None: there is one."""
    if chromium() is None:
        return "the tests of the pages need Chromium or Chrome (Debian: apt-get install chromium)"
    return None


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """The browser, with nothing in it from before."""
    missing = await asyncio.to_thread(what_is_missing)
    if missing is not None:
        raise FileNotFoundError(missing)
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_POLITE, args=_FLAGS, env={**os.environ, "CHROMIUM": str(chromium())}
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser, size: ViewportSize = PHONE, *, scripts: bool = True, expected: tuple[str, ...] = ()
) -> AsyncIterator[Page]:
    """A blank page in a session of its own. `scripts`: whether those of pages run.

    `expected`: parts of errors that the test provokes (Chromium writes every answer of 400 and above to the console).
    """
    is_phone = size["width"] < 600
    context = await browser.new_context(
        viewport=size, is_mobile=is_phone, has_touch=is_phone, device_scale_factor=2, java_script_enabled=scripts
    )
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in expected):
            faults.append(message.text)

    try:
        page = await context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
    finally:
        await context.close()
    assert not faults, faults
