"""The service behind a real port, with all that settles an order: issuer and projector start when a test wants them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import aiohttp
from yarl import URL

from services.api.role import api_role
from services.bootstrap import Platform, platform
from services.issuer.role import issuer_role
from services.projector.role import projector_role
from services.settings import read_settings
from tests.integration.api.ordering import CATALOG
from tests.integration.api.serving import OPERATOR_KEY, Answer, environment

if TYPE_CHECKING:
    from infra.telemetry.traces import Traces

TICKET = CATALOG["items"][0]
COFFEE = {
    "itemNumber": "33001",
    "kind": "coupon",
    "description": "Coffee",
    "descriptions": {"DAN": "Kaffe"},
    "unitPriceInclVat": 30,
    "vatPercent": 25,
    "numberPattern": "C[AN*13]",
}
SHOP_CATALOG: dict[str, Any] = {
    **CATALOG,
    "items": [{**TICKET, "descriptions": {"DAN": "Dagsbillet, voksen"}}, COFFEE],
}

VENUE_ZONE = ZoneInfo("Europe/Copenhagen")

T = TypeVar("T")
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = 20.0) -> T:
    """What `look` gives once it is true."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.005)


def visit_date() -> str:
    """A day soon, at the venue."""
    return (datetime.now(VENUE_ZONE) + timedelta(days=2)).date().isoformat()


def line(**changes: Any) -> dict[str, Any]:
    """A line without a fault; a member that is set to `...` is left out."""
    return _changed({"itemNumber": "31001", "visitDate": visit_date(), "visitTime": "10:30:00"}, changes)


def _changed(whole: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


@dataclass
class Shop:
    """One instance on a database. `partner_id`, `key`: of a partner with a key."""

    url: str
    client: aiohttp.ClientSession
    platform: Platform
    partner_id: str = ""
    key: str = ""
    _references: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return URL(self.url).port or 0

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = "", headers: Headers = ()
    ) -> Answer:
        """`body`: bytes as they are, else its JSON; None sends none. With the partner's key unless another is given."""
        sent = list(headers.items() if isinstance(headers, Mapping) else headers)
        if key is not None:
            sent.append(("Authorization", f"Bearer {key or self.key}"))
        data = None
        if body is not None:
            # A stream: of bytes, aiohttp's client warns where they are many.
            data = BytesIO(body if isinstance(body, bytes) else json.dumps(body, default=float).encode())
            if not any(name == "Content-Type" for name, _ in sent):
                sent.append(("Content-Type", "application/json"))
        url = URL(self.url + path, encoded=True)
        skip = ("Content-Type",)
        async with self.client.request(method, url, data=data, headers=sent, skip_auto_headers=skip) as response:
            return Answer(response.status, response.headers, await response.text())

    def body(self, **changes: Any) -> dict[str, Any]:
        """An order without a fault and with a reference of its own."""
        self._references.append(f"R-{len(self._references) + 1}")
        whole = {"partnerId": self.partner_id, "sellToOrderReference": self._references[-1], "items": [line()]}
        return _changed(whole, changes)

    async def create(self, **changes: Any) -> Answer:
        return await self.call("POST", "/channelManager", self.body(**changes))

    async def created(self, **changes: Any) -> str:
        """The path of a new order."""
        answer = await self.create(**changes)
        assert answer.status == 201, answer.text
        return f"/channelManager/{answer.body['orderId']}"

    async def get(self, path: str, **how: Any) -> Answer:
        return await self.call("GET", path, **how)

    async def settled(self, path: str) -> Any:
        """The order, once it is not in flight any more."""

        async def look() -> Any:
            answer = await self.get(path, key=OPERATOR_KEY)
            assert answer.status == 200, answer.text
            return None if answer.body["status"] in {"Submitted", "Scheduled", "Processing"} else answer.body

        return await eventually(look)

    async def listed(self, query: str = "", **how: Any) -> list[Any]:
        """A page of the partner's orders."""
        answer = await self.get(f"/channelManager/orders/{self.partner_id}{query}", **how)
        assert answer.status == 200, answer.text
        return list(answer.body["data"])

    async def projected(self) -> None:
        """Wait until lists show all that was committed before."""
        head = await self.platform.recorder.max_notification_id()

        async def look() -> bool:
            rows = await self.platform.reads.rows("select position from consumer_positions where name = 'orders'")
            return bool(rows) and rows[0][0] >= (head or 0)

        await eventually(look)

    async def publish(self, catalog: dict[str, Any] = SHOP_CATALOG) -> None:
        answer = await self.call("PUT", "/admin/catalog", catalog, key=OPERATOR_KEY)
        assert answer.status == 200, answer.text

    async def made(self, path: str, body: object) -> Any:
        """The body of an operator's POST."""
        answer = await self.call("POST", path, body, key=OPERATOR_KEY)
        assert answer.status == 201, answer.text
        return answer.body

    async def partner(self, name: str = "Agent", **more: Any) -> str:
        return str((await self.made("/admin/partners", {"name": name, **more}))["partnerId"])

    async def partner_key(self, partner_id: str) -> str:
        return str((await self.made(f"/admin/partners/{partner_id}/keys", {"name": "shop"}))["key"])

    async def auditor_key(self) -> str:
        return str((await self.made("/admin/keys", {"scope": "auditor", "name": "auditor"}))["key"])

    async def log(self, path: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of the log, of one order or of all: position, version, topic, state, recorded_at."""
        query = "select notification_id, originator_version, topic, state, recorded_at from stored_events"
        if path is None:
            return await self.platform.reads.rows(f"{query} order by 1")
        return await self.platform.reads.rows(f"{query} where originator_id = %s order by 1", (order_id(path),))

    async def head(self) -> int:
        return await self.platform.recorder.max_notification_id() or 0

    # Orders in each status

    @asynccontextmanager
    async def issuing(self) -> AsyncIterator[None]:
        """The issuer at work."""
        async with issuer_role(self.platform):
            yield

    async def draft(self, **changes: Any) -> str:
        """The path of an order in Draft. Needs the issuer at work."""
        path = await self.created(**changes)
        assert (await self.settled(path))["status"] == "Draft"
        return path

    async def issued(self, **changes: Any) -> str:
        """The path of an order that is Issued. Needs the issuer at work."""
        path = await self.created(**{"paymentReference": "PAY-1", **changes})
        assert (await self.settled(path))["status"] == "Issued"
        return path

    async def failed(self, **changes: Any) -> str:
        """The path of an order in Error: its item went off the catalog meanwhile. Needs the issuer resting."""
        path = await self.created(**changes)
        await self.publish({**SHOP_CATALOG, "items": [COFFEE]})
        async with self.issuing():
            assert (await self.settled(path))["status"] == "Error"
        await self.publish()
        return path


def order_id(path: str) -> UUID:
    return UUID(path.split("/")[2])


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened(dsn: str, traces: Traces | None = None, /, **settings: str) -> AsyncIterator[Shop]:
    """An instance of the role api on this database. `settings`: beside or instead of those of a test."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(platform(read_settings(environment(dsn, **settings))))
        running = replace(running, traces=traces)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.setblocking(False)
        await stack.enter_async_context(api_role(running, listening, running.settings.public_url or ""))
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        yield Shop(f"http://127.0.0.1:{listening.getsockname()[1]}", client, running)


@asynccontextmanager
async def stocked(dsn: str, traces: Traces | None = None, /, **settings: str) -> AsyncIterator[Shop]:
    """The same with a catalog, and a partner with its key."""
    async with opened(dsn, traces, **settings) as shop:
        await shop.publish()
        shop.partner_id = await shop.partner()
        shop.key = await shop.partner_key(shop.partner_id)
        yield shop


@asynccontextmanager
async def projecting(shop: Shop) -> AsyncIterator[None]:
    """The projector at work."""
    async with projector_role(shop.platform):
        yield
