"""What tests of manifests share: orders with something to show, and where it is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from yarl import URL

from tests.integration.api.museum import group, museum, package, visit
from tests.integration.api.serving import PUBLIC_URL
from tests.integration.api.shop import Shop, line, stocked

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

HOSTILE = [
    "<script>document.title='run'</script>",
    "{{7*7}} ${7*7} {% print(7*7) %}",
    "محمد علي",
    "\u202eEvil Ada",
    "😀 Zoë 👩‍👩‍👧",
    "Wolfeschlegelsteinhausenbergerdorff" * 2,
]


class Bytes(NamedTuple):
    """An answer that is no text. `body`: as it came."""

    status: int
    headers: Any
    body: bytes


@asynccontextmanager
async def museum_shop(dsn: str, **settings: str) -> AsyncIterator[Shop]:
    """An instance with the museum's catalog and the issuer at work."""
    async with stocked(dsn, **settings) as shop:
        await shop.publish(museum())
        async with shop.issuing():
            yield shop


def place(url: str) -> str:
    """The path of a public address, at which the test's own instance serves it."""
    assert url.startswith(f"{PUBLIC_URL}/manifests/"), url
    return URL(url).path


async def fetched(shop: Shop, path: str, **headers: str) -> Bytes:
    """Without any key."""
    async with shop.client.get(shop.url + path, headers=headers) as response:
        return Bytes(response.status, response.headers, await response.read())


async def outing(shop: Shop, **changes: Any) -> Any:
    """An Issued order of four guests: two tickets, a package for another day in another language, a class."""
    items = [
        line(quantity=2, wallet={"names": ["Ada Nord", ""]}),
        package(componentSchedule=[visit("31005")], wallet={"names": ["Cleo Nord"]}, sellToLanguage="DAN"),
        group(24, wallet={"names": ["Class 5b"]}),
    ]
    return (await shop.get(await shop.issued(**{"items": items, **changes}))).body


def wallets(order: Any) -> list[Any]:
    return [wallet for one in order["items"] for wallet in one["wallets"]]


def numbers(order: Any) -> list[str]:
    return [asset["referenceNumber"] for wallet in wallets(order) for asset in wallet["assets"]]
