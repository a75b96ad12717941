"""Two api processes over one database, as they run behind a load balancer."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

import aiohttp
import psycopg
import pytest

from tests.e2e.service import Service
from tests.integration.api.serving import OPERATOR_KEY, environment
from tests.integration.api.shop import SHOP_CATALOG, VENUE_ZONE, eventually, line

AT_ONCE = 100
STOP_SECONDS = 10.0


class Told(NamedTuple):
    """An answer; the names of its headers in lower case."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Pair:
    """Two processes, a partner, and a client."""

    def __init__(self, services: list[Service], client: aiohttp.ClientSession) -> None:
        self.services = services
        self.client = client
        self.partner_id = ""

    async def call(self, service: int, method: str, path: str, body: object = None, **headers: str) -> Told:
        url = f"http://127.0.0.1:{self.services[service].port}{path}"
        sent = {"x-np-api-key": OPERATOR_KEY, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.client.request(method, url, json=body, headers=sent) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Told(response.status, await response.json(content_type=None), found)

    def order(self, reference: str, **more: object) -> dict[str, Any]:
        return {"partnerId": self.partner_id, "sellToOrderReference": reference, "items": [line()], **more}

    async def all_at_once(self, body: object, **headers: str) -> list[Told]:
        """A hundred times the same, half to each process, from a loop of its own: it may well be held for a moment."""

        async def run() -> list[Told]:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
                crowd = Pair(self.services, client)
                calls = (crowd.call(n % 2, "POST", "/channelManager", body, **headers) for n in range(AT_ONCE))
                return await asyncio.gather(*calls)

        return await asyncio.to_thread(asyncio.run, run())


@pytest.fixture
def processes(dsn: str, service: Callable[..., Service]) -> list[Service]:
    settings = environment(dsn, OTA_CM_PUBLIC_URL="")
    both = [service("--port", "0", name=name, settings=settings).start() for name in ("a", "b")]
    for one in both:
        one.ready()
    return both


@pytest.fixture
async def pair(processes: list[Service]) -> AsyncIterator[Pair]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        made = Pair(processes, client)
        assert (await made.call(0, "PUT", "/admin/catalog", SHOP_CATALOG))[0] == 200
        made.partner_id = (await made.call(0, "POST", "/admin/partners", {"name": "Agent"}))[1]["partnerId"]
        yield made


@asynccontextmanager
async def _commits_held_back(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("select pg_advisory_xact_lock(779501)")
        yield connection
        await connection.rollback()


async def test_of_a_hundred_identical_orders_at_once_one_is_taken(pair: Pair, dsn: str) -> None:
    answers = await pair.all_at_once(pair.order("SAME"))
    assert Counter(status for status, _, _ in answers) == {201: 1, 409: AT_ONCE - 1}
    [made] = [body["orderId"] for status, body, _ in answers if status == 201]
    refused = [body for status, body, _ in answers if status == 409]
    assert {(body["code"], body["existingOrderId"]) for body in refused} == {("duplicate_order", made)}
    assert await _orders(dsn) == 1


async def test_with_one_idempotency_key_all_of_them_are_that_order(pair: Pair, dsn: str) -> None:
    answers = await pair.all_at_once(pair.order("SAME"), Idempotency_Key="k")
    kinds = Counter(
        "first" if status == 201 and "idempotent-replayed" not in headers else body.get("code", status)
        for status, body, headers in answers
    )
    assert kinds.pop("first") == 1
    assert set(kinds) <= {201, "request_in_progress"}
    assert len({body["orderId"] for status, body, _ in answers if status == 201}) == 1
    assert await _orders(dsn) == 1


async def test_what_one_process_answered_the_other_shows_at_once(pair: Pair) -> None:
    """A partner and its order, made on one and read on the other with no pause between; then on to the next status."""

    async def settled(path: str) -> str:
        async def look() -> str:
            status = str((await pair.call(0, "GET", path))[1]["status"])
            return "" if status in {"Submitted", "Scheduled", "Processing"} else status

        return await eventually(look)

    async def trade(number: int) -> None:
        here, there = number % 2, 1 - number % 2
        new = (await pair.call(here, "POST", "/admin/partners", {"name": "New"}))[1]["partnerId"]
        order = {**pair.order(f"R-{number}"), "partnerId": new}
        status, made, _ = await pair.call(there, "POST", "/channelManager", order)
        assert status == 201
        path = f"/channelManager/{made['orderId']}"
        status, read, headers = await pair.call(here, "GET", path)
        assert (status, read["receivedAt"]) == (200, made["receivedAt"])
        assert int(headers["etag"].strip('"v')) >= 1
        assert await settled(path) == "Draft"
        status, _, answered = await pair.call(here, "POST", f"{path}/confirm", {"paymentReference": "P"})
        assert status == 200
        status, read, headers = await pair.call(there, "GET", path)
        assert (read["status"], headers["etag"]) == ("Issued", answered["etag"])
        assert (await pair.call(there, "DELETE", path))[0] == 200
        assert (await pair.call(here, "GET", path))[1]["status"] == "Cancelled"

    await asyncio.gather(*(trade(number) for number in range(20)))


async def test_at_two_gates_one_guest_is_let_in_and_what_was_cancelled_is_void_at_once(pair: Pair) -> None:
    async def number(reference: str) -> tuple[str, str]:
        """The path of an order of one ticket for today, and the ticket's number."""
        made = await pair.call(0, "POST", "/channelManager", pair.order(reference, paymentReference="P", items=today))
        path = f"/channelManager/{made.body['orderId']}"

        async def issued() -> dict[str, Any] | None:
            order = (await pair.call(0, "GET", path)).body
            return order if order["status"] == "Issued" else None

        order = await eventually(issued)
        return path, order["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]

    today = [line(visitDate=datetime.now(VENUE_ZONE).date().isoformat())]
    _, shown = await number("ONCE")
    answers = await asyncio.gather(*(pair.call(n % 2, "POST", f"/tickets/{shown}/redeem") for n in range(50)))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 49}
    assert len({answer.body["usedAt"] for answer in answers}) == 1
    assert (await pair.call(1, "GET", f"/tickets/{shown}")).body["status"] == "Used"
    for n in range(20):
        path, shown = await number(f"GONE-{n}")
        assert (await pair.call(n % 2, "DELETE", path)).status == 200
        assert (await pair.call(1 - n % 2, "GET", f"/tickets/{shown}")).body["status"] == "Void"


async def test_a_process_that_is_told_to_stop_answers_what_it_holds(pair: Pair, dsn: str) -> None:
    stopping, other = pair.services
    async with _commits_held_back(dsn) as blocker:
        held = [asyncio.create_task(pair.call(0, "POST", "/channelManager", pair.order(f"H-{n}"))) for n in range(5)]
        # Half a request, of a client that never sends the rest, must not keep it.
        _, writer = await asyncio.open_connection("127.0.0.1", stopping.port)
        writer.write(b"POST /channelManager HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        await _waits_for_the_lock(dsn)
        began = time.monotonic()
        stopping.terminate()
        await asyncio.to_thread(_until_it_says, stopping, "stopping")
        await blocker.rollback()
        answers = await asyncio.gather(*held)
    assert [status for status, _, _ in answers] == [201] * 5
    assert await asyncio.to_thread(stopping.exit_status) == 0
    assert time.monotonic() - began < STOP_SECONDS
    writer.close()
    for _, body, _ in answers:
        assert (await pair.call(1, "GET", f"/channelManager/{body['orderId']}"))[0] == 200
    with pytest.raises(aiohttp.ClientConnectionError):
        await pair.call(0, "GET", "/healthz")
    other.signal(signal.SIGINT)
    assert await asyncio.to_thread(other.exit_status) == 0


async def _orders(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("select count(*) from stored_events where topic = 'order.submitted.v1'")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _waits_for_the_lock(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:

        async def look() -> bool:
            waiting = "select from pg_locks where locktype = 'advisory' and objid = 779501 and not granted"
            return await (await connection.execute(waiting)).fetchone() is not None

        await eventually(look)


def _until_it_says(service: Service, word: str) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while f'"{word}"' not in service.output():
        assert time.monotonic() < deadline, service.output()
        time.sleep(0.01)
