"""What the walk-through would notice: it checks what comes, and does not only show it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import ClientSession, web

from services.demo.caller import Caller
from services.demo.endpoint import Endpoint
from services.demo.surprise import Surprise, expect
from services.webhooks.signing import signed_headers, signers, signing_secret

SECRET, ANOTHER = signing_secret(bytes(32)), signing_secret(bytes(31) + b"1")


async def deliver(endpoint: Endpoint, message_id: str, status: str, secret: str = SECRET) -> int:
    payload = {"orderId": "an-order", "status": status}
    body = msgspec.json.encode({"value": [{"clientState": "state", "payload": payload}]})
    headers = signed_headers(message_id, int(datetime.now(UTC).timestamp()), body, signers([secret]))
    async with ClientSession() as session, session.post(endpoint.url, data=body, headers=headers) as response:
        return response.status


async def test_a_repeated_webhook_is_one_announcement() -> None:
    async with Endpoint() as endpoint:
        endpoint.trust(SECRET)
        for message_id, status in (("1", "Draft"), ("1", "Draft"), ("2", "Issued")):
            assert await deliver(endpoint, message_id, status) == 204
        assert [(await endpoint.announced("an-order")).status for _ in range(2)] == ["Draft", "Issued"]


async def test_a_webhook_signed_with_another_secret_is_a_surprise() -> None:
    async with Endpoint() as endpoint:
        endpoint.trust(SECRET)
        waiting = asyncio.create_task(endpoint.announced("an-order"))
        await asyncio.sleep(0)
        assert await deliver(endpoint, "1", "Issued", ANOTHER) == 401
        with pytest.raises(Surprise, match="expected a valid signature"):
            await waiting


async def test_another_status_than_expected_is_a_surprise_that_shows_the_answer() -> None:
    async def refuse(_request: web.BaseRequest) -> web.Response:
        return web.json_response({"code": "duplicate_order"}, status=409)

    runner = web.ServerRunner(web.Server(refuse))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            caller = Caller(session, f"http://127.0.0.1:{runner.addresses[0][1]}", "a-key")
            with pytest.raises(
                Surprise, match=r'POST /orders: expected 201, but got 409 \{"code": "duplicate_order"\}'
            ):
                await caller.call("POST", "/orders", 201, {})
    finally:
        await runner.cleanup()


async def test_a_service_that_does_not_answer_is_a_surprise() -> None:
    async with ClientSession() as session:
        with pytest.raises(Surprise, match="expected 200, but got no answer"):
            await Caller(session, "http://127.0.0.1:1", "a-key").call("GET", "/orders", 200)


def test_what_differs_is_said() -> None:
    expect("status", "Issued", "Issued")
    with pytest.raises(Surprise, match="status: expected Issued, but got Error"):
        expect("status", "Issued", "Error")
