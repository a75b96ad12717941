"""New orders refused from their bytes alone: what is answered so, what never is, and that both ways answer alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.api.admission import Admission
from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import Shop
from tests.integration.api.test_arrival import Wire, wire

PLAIN = ("Accept: */*", "Content-Type: application/json")


@pytest.fixture
def full(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose admission finds no room, and has refused many."""
    monkeypatch.setattr(Admission, "_hurried", lambda _: True)
    monkeypatch.setattr(Admission, "why_not", lambda *_, **__: "backlog")
    return shop


@asynccontextmanager
async def _read_as_usual(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nothing is refused unread meanwhile."""
    with monkeypatch.context() as patched:
        patched.setattr(Admission, "why_not_unread", lambda _: None)
        yield


def _request(shop: Shop, *lines: str, body: bytes = b"{", start: str = "POST /channelManager HTTP/1.1") -> bytes:
    head = "\r\n".join((start, f"Host: 127.0.0.1:{shop.port}", *lines, f"Content-Length: {len(body)}"))
    return head.encode() + b"\r\n\r\n" + body


def _by(key: str) -> str:
    return f"Authorization: Bearer {key}"


async def _asked(shop: Shop, data: bytes) -> Answer:
    async with wire(shop) as connection:
        await connection.send(data)
        return await connection.answer()


async def test_both_ways_answer_alike(full: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    request = _request(full, *PLAIN, _by(full.key), "X-Correlation-Id: abc.1", body=json.dumps(full.body()).encode())
    unread = await _asked(full, request)
    async with _read_as_usual(monkeypatch):
        read = await _asked(full, request)
    for answer in (unread, read):
        assert (answer.status, answer.code) == (503, "unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.headers["X-Correlation-Id"] == "abc.1"
    assert unread.text == read.text
    assert unread.headers.keys() == read.headers.keys()


@pytest.mark.parametrize(
    "lines",
    [
        ("X-Np-Api-Key: {key}",),
        ("authorization: bearer {key}", "User-Agent: anything (at all)", "Accept-Encoding: gzip, br"),
        ("Authorization: Bearer {key}", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("Authorization: Bearer {key}", "Connection: Keep-Alive", "Accept: application/json"),
    ],
)
async def test_a_body_that_is_no_json_is_not_looked_at(full: Shop, lines: tuple[str, ...]) -> None:
    headers = [line.format(key=full.key) for line in lines]
    answer = await _asked(full, _request(full, "Content-Type: application/json", *headers))
    assert (answer.status, answer.code) == (503, "unavailable")


async def test_what_comes_first_in_the_contract_is_answered_first(full: Shop) -> None:
    disabled = await full.partner("Disabled")
    disabled_key = await full.partner_key(disabled)
    await full.call("PATCH", f"/admin/partners/{disabled}", {"active": False}, key=OPERATOR_KEY)
    auditor = await full.auditor_key()
    by = _by(full.key)
    for what, request, status in (
        ("method", _request(full, *PLAIN, by, start="PUT /channelManager HTTP/1.1"), 405),
        ("path", _request(full, *PLAIN, by, start="POST /channelManagers HTTP/1.1"), 404),
        ("no key", _request(full, *PLAIN), 401),
        ("unknown key", _request(full, *PLAIN, _by("ota_p_nobody")), 401),
        ("scope", _request(full, *PLAIN, _by(auditor)), 403),
        ("disabled", _request(full, *PLAIN, _by(disabled_key)), 403),
        ("accept", _request(full, by, "Accept: text/html", "Content-Type: application/json"), 406),
        ("type", _request(full, by, "Accept: */*", "Content-Type: text/plain"), 415),
        ("encoding", _request(full, *PLAIN, by, "Content-Encoding: gzip"), 415),
        ("size", _request(full, *PLAIN, by, body=b" " * (1024 * 1024 + 1)), 413),
        ("no HTTP", _request(full, *PLAIN, by, "Bad Header: x"), 400),
        ("two lengths", _request(full, *PLAIN, by, "Content-Length: 7"), 400),
        ("obsolete folding", _request(full, *PLAIN, by, "Accept-Language: x\r\n y"), 400),
    ):
        assert (await _asked(full, request)).status == status, what


async def test_a_key_that_was_revoked_is_refused_as_such(full: Shop) -> None:
    request = _request(full, *PLAIN, _by(full.key))
    assert (await _asked(full, request)).status == 503
    keys = await full.call("GET", f"/admin/partners/{full.partner_id}/keys", key=OPERATOR_KEY)
    (mine,) = keys.body["data"]
    assert (await full.call("DELETE", f"/admin/keys/{mine['keyId']}", key=OPERATOR_KEY)).status in {200, 204}
    assert (await _asked(full, request)).status == 401


async def test_the_retry_of_an_order_that_was_taken_is_answered_as_ever(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(shop.body()).encode()
    request = _request(shop, *PLAIN, _by(shop.key), "Idempotency-Key: once", body=body)
    first = await _asked(shop, request)
    monkeypatch.setattr(Admission, "_hurried", lambda _: True)
    monkeypatch.setattr(Admission, "why_not", lambda *_, **__: "backlog")
    again = await _asked(shop, request)
    assert (first.status, again.status) == (201, 201)
    assert again.text == first.text
    other = _request(shop, *PLAIN, _by(shop.key), "Idempotency-Key: new", body=json.dumps(shop.body()).encode())
    assert (await _asked(shop, other)).status == 503


async def test_a_connection_goes_on_whichever_way_it_was_answered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def order() -> bytes:
        return _request(shop, *PLAIN, _by(shop.key), body=json.dumps(shop.body()).encode())

    async with wire(shop) as connection:
        for full in (True, False, True, True, False):
            with monkeypatch.context() as patched:
                if full:
                    patched.setattr(Admission, "_hurried", lambda _: True)
                    patched.setattr(Admission, "why_not", lambda *_, **__: "busy")
                await connection.send(order())
                assert (await connection.answer()).status == (503 if full else 201)


async def test_a_request_in_pieces_and_several_at_once_are_read(full: Shop) -> None:
    request = _request(full, *PLAIN, _by(full.key), body=json.dumps(full.body()).encode())

    async def answers(connection: Wire, count: int) -> list[int]:
        return [(await connection.answer()).status for _ in range(count)]

    async with wire(full) as connection:
        for cut in (1, 20, len(request) - 1):
            await connection.send(request[:cut])
            await asyncio.sleep(0.02)  # so that it comes in two pieces; where it does not, nothing is shown
            await connection.send(request[cut:])
            assert await answers(connection, 1) == [503]
        await connection.send(request * 3)
        assert await answers(connection, 3) == [503] * 3


async def test_a_body_that_looks_like_a_request_is_a_body(full: Shop) -> None:
    inner = _request(full, *PLAIN, _by(full.key), "X-Correlation-Id: inner")
    outer = _request(full, *PLAIN, _by(full.key), "X-Correlation-Id: outer", body=inner)
    head = outer.removesuffix(inner)
    async with wire(full) as connection:
        await connection.send(head)
        await asyncio.sleep(0.05)  # so that they come in two pieces; where they do not, nothing is shown
        await connection.send(inner)
        assert (await connection.answer()).headers["X-Correlation-Id"] == "outer"
        await connection.send(_request(full, *PLAIN, _by(full.key), "X-Correlation-Id: next"))
        assert (await connection.answer()).headers["X-Correlation-Id"] == "next"


async def test_only_new_work_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.issuing():
        draft, issued = await shop.draft(sellToOrderReference="R"), await shop.issued()
    monkeypatch.setattr(Admission, "_hurried", lambda _: True)
    monkeypatch.setattr(Admission, "why_not", lambda *_, **__: "backlog")
    assert (await shop.call("PUT", draft, shop.body(sellToOrderReference="R"))).status == 503
    assert (await shop.call("PUT", draft, b"{")).status == 503
    assert (await shop.get(draft)).status == 200
    assert (await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"})).status == 200
    assert (await shop.call("DELETE", issued)).status == 200
