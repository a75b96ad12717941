"""An answer in one write is what aiohttp would have sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.api.whole_answer import WholeAnswer

BODY = '{"name":"Ærø"}'.encode()
HEADERS = {"Content-Type": "application/json", "ETag": '"v1"', "X-Correlation-Id": "abc"}


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def whole(_: web.Request) -> web.Response:
        return WholeAnswer(status=201, body=BODY, headers=HEADERS)

    async def usual(_: web.Request) -> web.Response:
        return web.Response(status=201, body=BODY, headers=HEADERS)

    async def closing(_: web.Request) -> web.Response:
        answer = WholeAnswer(body=BODY, headers=HEADERS)
        answer.force_close()
        return answer

    async def split(_: web.Request) -> web.Response:
        return WholeAnswer(body=BODY, headers={"X-Correlation-Id": "a\r\nSet-Cookie: b"})

    app = web.Application()
    app.router.add_get("/whole", whole)
    app.router.add_get("/usual", usual)
    app.router.add_get("/closing", closing)
    app.router.add_get("/split", split)
    made = TestServer(app)
    async with made:
        yield made


async def exchange(server: TestServer, *requests: str) -> bytes:
    """All that comes back until the server ends the connection: the last request asks for it, or cannot go on."""
    assert server.port is not None
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write("".join(requests).encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def request(path: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1") -> str:
    return "\r\n".join((f"{method} {path} {version}", "Host: here", *headers, "", ""))


LAST = request("/whole", "Connection: close")


def parts(answer: bytes) -> tuple[str, list[str], bytes]:
    """Status line, headers but the time in any order, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return line, sorted(header for header in headers if not header.startswith("Date: ")), body


async def test_it_is_what_aiohttp_sends(server: TestServer) -> None:
    answers = await exchange(server, request("/whole"), request("/usual"), LAST)
    whole, usual, last = (b"HTTP/1.1" + answer for answer in answers.split(b"HTTP/1.1")[1:])
    assert parts(whole) == parts(usual)
    assert b"\r\nDate: " in whole
    assert parts(whole)[2] == BODY
    assert parts(last)[1] == sorted((*parts(usual)[1], "Connection: close"))


@pytest.mark.parametrize(
    "sent",
    [
        {"method": "HEAD"},
        {"version": "HTTP/1.0"},
    ],
)
async def test_what_is_not_plain_goes_the_usual_way(server: TestServer, sent: dict[str, str]) -> None:
    whole = await exchange(server, request("/whole", "Connection: close", **sent))
    usual = await exchange(server, request("/usual", "Connection: close", **sent))
    assert parts(whole) == parts(usual)


async def test_an_answer_that_ends_the_connection_ends_it(server: TestServer) -> None:
    answer = await exchange(server, request("/closing"))
    assert "Connection: close" in parts(answer)[1]


async def test_a_header_is_never_two(server: TestServer) -> None:
    """As with aiohttp, nothing is sent."""
    assert await exchange(server, request("/split"), LAST) == b""
