"""How requests arrive: slowly, in pieces, too large, broken off, or as something that is no HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from services.api import arrival
from tests.integration.api.serving import Answer
from tests.integration.api.shop import Shop, eventually

SHORT = 0.3


@dataclass
class Wire:
    """A connection, written to byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = {name.title(): value for name, _, value in (line.partition(": ") for line in lines)}
        text = await self.reader.readexactly(int(headers.get("Content-Length", "0")))
        return Answer(int(status.split()[1]), headers, text.decode())

    async def continued(self) -> None:
        """Wait for the sign that the body is awaited."""
        assert (await self.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue")

    async def closed(self) -> bool:
        """Whether the other side has closed it, with nothing more to say."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def wire(shop: Shop) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def head(shop: Shop, *lines: str, request: str = "POST /channelManager") -> bytes:
    fields = ("Host: x", f"Authorization: Bearer {shop.key}", "Content-Type: application/json", *lines)
    return "\r\n".join((f"{request} HTTP/1.1", *fields, "", "")).encode()


def body(shop: Shop) -> bytes:
    return json.dumps(shop.body()).encode()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "ARRIVAL_SECONDS", SHORT)


async def _orders(shop: Shop) -> int:
    return sum(row[2] == "order.submitted.v1" for row in await shop.log())


@pytest.mark.usefixtures("short")
async def test_a_head_that_does_not_arrive_in_time_closes_the_connection(shop: Shop) -> None:
    for sent in (b"P", b"POST /channelManager HTTP/1.1\r\nHost: x\r\nX-Slow:"):
        async with wire(shop) as slow:
            await slow.send(sent)
            async with asyncio.timeout(10):
                assert await slow.closed()
    async with wire(shop) as slow:  # each byte by itself does not begin the time anew
        began = asyncio.get_running_loop().time()
        trickle = asyncio.create_task(_trickle(slow, head(shop)))
        async with asyncio.timeout(10):
            assert await slow.closed()
        assert asyncio.get_running_loop().time() - began >= SHORT
        trickle.cancel()
        await asyncio.gather(trickle, return_exceptions=True)


async def _trickle(slow: Wire, data: bytes) -> None:
    for byte in data:
        await slow.send(bytes([byte]))
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("short")
async def test_the_second_request_of_a_connection_is_timed_as_the_first_one(shop: Shop) -> None:
    async with wire(shop) as slow:
        await slow.send(head(shop, request="GET /healthz"))
        assert (await slow.answer()).status == 200
        await slow.send(b"GET /healthz HTTP/1.1\r\nHo")
        async with asyncio.timeout(10):
            assert await slow.closed()


@pytest.mark.usefixtures("short")
async def test_a_body_that_does_not_arrive_in_time_is_408(shop: Shop) -> None:
    whole = body(shop)
    async with wire(shop) as slow:
        await slow.send(head(shop, f"Content-Length: {len(whole)}") + whole[:10])
        answer = await slow.answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert answer.headers["Connection"] == "close"
        assert answer.headers["X-Correlation-Id"]
    assert await _orders(shop) == 0


async def test_an_idle_connection_is_kept_and_a_request_in_pieces_is_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(shop) as kept:
        whole = body(shop)
        for part in (
            head(shop, f"Content-Length: {len(whole)}")[:30],
            head(shop, f"Content-Length: {len(whole)}")[30:],
        ):
            await kept.send(part)
            await asyncio.sleep(0)
        await kept.send(whole[:7])
        await kept.send(whole[7:])
        assert (await kept.answer()).status == 201
        monkeypatch.setattr(arrival, "ARRIVAL_SECONDS", 0.05)
        idle_until = asyncio.get_running_loop().time() + 0.15  # longer than a request may take: that is no request

        async def idle() -> bool:
            return asyncio.get_running_loop().time() > idle_until

        await eventually(idle)
        pair = head(shop, request="GET /healthz")
        await kept.send(pair + pair)
        assert [(await kept.answer()).status for _ in range(2)] == [200, 200]


async def test_a_chunked_body_is_taken_up_to_its_limit(shop: Shop) -> None:
    whole = body(shop)
    chunked = head(shop, "Transfer-Encoding: chunked")
    async with wire(shop) as pieces:
        await pieces.send(chunked)
        for chunk in (whole[:5], whole[5:], b""):
            await pieces.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        assert (await pieces.answer()).status == 201
    async with wire(shop) as large:
        await large.send(chunked)
        for _ in range(17):
            await large.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        answer = await large.answer()
        assert (answer.status, answer.code, answer.headers["Connection"]) == (413, "payload_too_large", "close")
    async with wire(shop) as large:  # known from its length alone
        await large.send(head(shop, f"Content-Length: {2**40}"))
        answer = await large.answer()
        assert (answer.status, answer.code) == (413, "payload_too_large")


async def test_a_broken_chunk_is_the_senders_fault(shop: Shop) -> None:
    for chunks in (b"zz\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n"):
        async with wire(shop) as broken:
            await broken.send(head(shop, "Transfer-Encoding: chunked") + chunks)
            answer = await broken.answer()
            assert (answer.status, answer.code) == (400, "malformed_request"), chunks
    assert await _orders(shop) == 0


async def test_what_is_no_http_is_told_so(shop: Shop) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /channelManager HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /channelManager HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        async with wire(shop) as strange:
            await strange.send(sent)
            answer = await strange.answer()
            assert (answer.status, answer.code) == (400, "malformed_request"), sent[:60]
            assert answer.headers["X-Correlation-Id"]
            assert await strange.closed()


async def test_a_client_that_is_gone_leaves_a_whole_order_or_none(shop: Shop) -> None:
    whole = body(shop)
    request = head(shop, f"Content-Length: {len(whole)}") + whole
    with capture_logs() as logs:
        for cut in (10, len(request) - 1, len(request)):
            async with wire(shop) as gone:
                await gone.send(request[:cut])

        async def ended() -> bool:
            return [line["event"] for line in logs].count("request") == 2

        await eventually(ended)
    assert {line.get("status") for line in logs} == {400, 201}  # and no fault of ours
    assert await _orders(shop) == 1
    log = await shop.log()
    assert [row[2] for row in log[-2:]] == ["order.submitted.v1", "reference.reserved.v1"]
    again = await shop.call("POST", "/channelManager", whole)
    assert (again.status, again.code) == (409, "duplicate_order")
    assert await shop.log() == log


async def test_an_unread_body_does_not_break_the_next_request(shop: Shop) -> None:
    async with wire(shop) as kept:
        await kept.send(head(shop, "Content-Length: 5", request="POST /nowhere") + b"abcde")
        assert (await kept.answer()).status == 404
        await kept.send(head(shop, request="GET /healthz"))
        assert (await kept.answer()).status == 200


async def test_a_client_may_ask_before_it_sends_its_body(shop: Shop) -> None:
    whole = body(shop)
    async with wire(shop) as polite:
        await polite.send(head(shop, f"Content-Length: {len(whole)}", "Expect: 100-continue"))
        await polite.continued()
        await polite.send(whole)
        assert (await polite.answer()).status == 201


async def test_any_other_expectation_is_passed_over(shop: Shop) -> None:
    async with wire(shop) as kept:
        await kept.send(head(shop, "Expect: miracles", request="GET /healthz"))
        assert (await kept.answer()).status == 200
        await kept.send(head(shop, "Expect: 100-continue", "Content-Length: 0", request="POST /nowhere"))
        await kept.continued()
        assert (await kept.answer()).status == 404


async def test_a_connection_too_many_is_closed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire(shop) as first, wire(shop) as second:
        for connection in (first, second):
            await connection.send(head(shop, request="GET /healthz"))
            assert (await connection.answer()).status == 200
        monkeypatch.setattr(arrival, "MAX_CONNECTIONS", 2)
        async with wire(shop) as third:
            assert await third.closed()
        await first.send(head(shop, request="GET /healthz"))
        assert (await first.answer()).status == 200
        second.writer.close()

        async def taken() -> bool:
            async with wire(shop) as fourth:
                try:
                    await fourth.send(head(shop, request="GET /healthz"))
                    return (await fourth.answer()).status == 200
                except (ConnectionError, asyncio.IncompleteReadError):
                    return False

        await eventually(taken)
