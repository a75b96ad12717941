"""Safe retries: the first 2xx answer again, once taken is never taken twice, refusals decide anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import psycopg

from tests.integration.api.serving import OPERATOR_KEY, Answer
from tests.integration.api.shop import Shop, eventually, line, stocked

KEY = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"


def _same(first: Answer, again: Answer) -> None:
    assert REPLAYED not in first.headers
    assert (again.status, again.text, again.headers[REPLAYED]) == (first.status, first.text, "true")
    for name in ("ETag", "Location", "Retry-After"):
        assert again.headers.get(name) == first.headers.get(name), name


@asynccontextmanager
async def _commits_held_back(dsn: str) -> AsyncIterator[None]:
    """Nothing is saved meanwhile: somebody else holds the writers' lock."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("select pg_advisory_xact_lock(779501)")
        yield
        await connection.rollback()


async def _waiting(shop: Shop, commands: int) -> None:
    async def look() -> bool:
        return shop.platform.group_commit.waiting >= commands

    await eventually(look)


async def test_each_command_is_answered_again_as_it_was_though_the_order_moved_on(shop: Shop) -> None:
    body = shop.body(sellToName="Jane", sellToOrderReference="R")
    async with shop.issuing():
        calls: list[tuple[str, str, Any, str]] = [("POST", "/channelManager", body, "1")]
        firsts = [await shop.call("POST", "/channelManager", body, headers={KEY: "1"})]
        path = f"/channelManager/{firsts[0].body['orderId']}"
        for method, place, change, key in (
            ("PUT", "", shop.body(sellToOrderReference="R", items=[line(quantity=2)]), "1"),
            ("POST", "/confirm", {"paymentReference": "P"}, "1"),
            ("DELETE", "", None, "1"),
        ):
            await shop.settled(path)
            calls.append((method, path + place, change, key))
            firsts.append(await shop.call(method, path + place, change, headers={KEY: key}))
            assert firsts[-1].status == 200, firsts[-1].text
        log = await shop.log()
        for (method, place, change, key), first in zip(calls, firsts, strict=True):
            _same(first, await shop.call(method, place, change, headers={KEY: key}))
        assert await shop.log() == log
    assert [first.body["status"] for first in firsts] == ["Submitted", "Submitted", "Issued", "Cancelled"]
    assert firsts[0].body["sellToName"] == "Jane"


async def test_a_removal_is_answered_again_though_the_order_is_gone(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.draft()
    first = await shop.call("DELETE", path, headers={KEY: "gone"})
    assert first.body["removed"] is True
    _same(first, await shop.call("DELETE", path, headers={KEY: "gone"}))
    assert (await shop.call("DELETE", path, headers={KEY: "other"})).status == 404


async def test_the_same_key_for_another_body_is_refused(shop: Shop) -> None:
    body = shop.body()
    assert (await shop.call("POST", "/channelManager", body, headers={KEY: "k"})).status == 201
    log = await shop.log()
    other_bytes = {**body}
    other_bytes["partnerId"] = other_bytes.pop("partnerId")
    for other in (shop.body(), other_bytes):
        refused = await shop.call("POST", "/channelManager", other, headers={KEY: "k"})
        assert (refused.status, refused.code) == (422, "idempotency_key_reused")
    assert await shop.log() == log


async def test_whose_key_it_is_and_for_what(shop: Shop) -> None:
    second_key = await shop.partner_key(shop.partner_id)
    body = shop.body()
    first = await shop.call("POST", "/channelManager", body, headers={KEY: "k"})
    place = "/venue/channelManager"
    _same(first, await shop.call("POST", place, body, key=second_key, headers={KEY: "k"}))
    by_operator = await shop.call("POST", "/channelManager", body, key=OPERATOR_KEY, headers={KEY: "k"})
    assert by_operator.code == "duplicate_order"
    stranger = await shop.partner("Stranger")
    strangers_key = await shop.partner_key(stranger)
    its_own = shop.body(partnerId=stranger)
    theirs = await shop.call("POST", "/channelManager", its_own, key=strangers_key, headers={KEY: "k"})
    assert (theirs.status, REPLAYED in theirs.headers) == (201, False)
    path = f"/channelManager/{first.body['orderId']}"
    async with shop.issuing():
        await shop.settled(path)
        other = await shop.draft()
    for order in (path, other, path.upper().replace("/CHANNELMANAGER", "/channelManager")):
        cancelled = await shop.call("DELETE", order, headers={KEY: "k"})
        assert (cancelled.status, REPLAYED in cancelled.headers) == (200, order not in {path, other})
    assert (await shop.call("DELETE", path, key=strangers_key, headers={KEY: "k"})).status == 404


async def test_a_refusal_is_not_kept(shop: Shop) -> None:
    async with shop.issuing():
        first = await shop.call("POST", "/channelManager", shop.body(items=[line(quantity=0)]), headers={KEY: "k"})
        assert first.status == 400
        body = shop.body(paymentReference="P")
        made = await shop.call("POST", "/channelManager", body, headers={KEY: "k"})
        assert (made.status, REPLAYED in made.headers) == (201, False)
        path = f"/channelManager/{made.body['orderId']}"
        await shop.settled(path)
    other = await shop.created()
    refused = await shop.call("DELETE", other, headers={KEY: "k"})
    assert refused.code == "order_in_flight"
    async with shop.issuing():
        await shop.settled(other)
    again = await shop.call("DELETE", other, headers={KEY: "k"})
    assert (again.status, REPLAYED in again.headers) == (200, False)


async def test_an_answer_that_changed_nothing_is_kept(shop: Shop) -> None:
    async with shop.issuing():
        path = await shop.issued()
    garbage = await shop.call("POST", f"{path}/confirm", b"{ no JSON", headers={KEY: "k"})
    assert garbage.body["status"] == "Issued"
    assert (await shop.call("POST", f"{path}/confirm", {}, headers={KEY: "k"})).status == 422
    assert (await shop.call("DELETE", path)).status == 200
    _same(garbage, await shop.call("POST", f"{path}/confirm", b"{ no JSON", headers={KEY: "k"}))
    assert (await shop.call("POST", f"{path}/confirm", b"{ no JSON", headers={KEY: "l"})).code == "malformed_json"
    cancelled = await shop.call("DELETE", path, headers={KEY: "k"})
    _same(cancelled, await shop.call("DELETE", path, headers={KEY: "k"}))


async def test_which_keys_are_keys(shop: Shop) -> None:
    longest = "k" * 255
    for key, code in (("", "too_short"), ("   ", "too_short"), (longest + "k", "too_long")):
        refused = await shop.call("POST", "/channelManager", shop.body(), headers={KEY: key})
        assert refused.faults == [(f"/{KEY}", code)]
    path = await shop.created()
    assert (await shop.call("DELETE", path, headers={KEY: ""})).faults == [(f"/{KEY}", "too_short")]
    for key in (longest, "é🎟", "a b,c;d"):
        body = shop.body()
        first = await shop.call("POST", "/channelManager", body, headers={KEY: key})
        assert first.status == 201
        _same(first, await shop.call("POST", "/channelManager", body, headers={KEY: key}))


async def test_a_key_of_bytes_that_are_no_text_is_compared_as_it_came(shop: Shop) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    delete = (
        f"DELETE /channelManager/{uuid4()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {shop.key}\r\nIdempotency-Key: "
    )
    writer.write(delete.encode() + b"\xff\xfe\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_while_the_first_one_runs_its_key_is_in_use(shop: Shop, dsn: str) -> None:
    body = shop.body()
    async with _commits_held_back(dsn):
        first = asyncio.create_task(shop.call("POST", "/channelManager", body, headers={KEY: "k"}))
        await _waiting(shop, 1)
        meanwhile = await shop.call("POST", "/channelManager", body, headers={KEY: "k"})
        assert (meanwhile.status, meanwhile.code) == (409, "request_in_progress")
        assert int(meanwhile.headers["Retry-After"]) >= 1
    made = await first
    assert made.status == 201
    _same(made, await shop.call("POST", "/channelManager", body, headers={KEY: "k"}))


async def test_a_client_that_hangs_up_may_ask_again(shop: Shop, dsn: str) -> None:
    """The command that it sent is whole: handed over, it is saved, and its retry finds it."""
    body = shop.body()
    async with _commits_held_back(dsn):
        first = asyncio.create_task(shop.call("POST", "/channelManager", body, headers={KEY: "k"}))
        await _waiting(shop, 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    async def retried() -> Answer | None:
        answer = await shop.call("POST", "/channelManager", body, headers={KEY: "k"})
        return None if answer.status == 409 and answer.code == "request_in_progress" else answer

    answer = await eventually(retried)
    assert (answer.status, answer.headers[REPLAYED]) == (201, "true")
    topics = Counter(row[2] for row in await shop.log())
    assert (topics["order.submitted.v1"], topics["reference.reserved.v1"]) == (1, 1)


async def test_two_instances_with_the_same_key_at_once(shop: Shop, dsn: str) -> None:
    async with stocked(dsn) as other:
        body = shop.body()
        async with _commits_held_back(dsn):
            calls = [
                asyncio.create_task(one.call("POST", "/channelManager", body, key=shop.key, headers={KEY: "k"}))
                for one in (shop, other)
            ]
            await _waiting(shop, 1)
            await _waiting(other, 1)
        answers = sorted([await call for call in calls], key=lambda answer: REPLAYED in answer.headers)
        _same(*answers)


async def test_what_refuses_a_retry_may_be_what_it_asked_for(shop: Shop, dsn: str) -> None:
    """The first commits on one instance after the other has looked for its key, and before it loads the order."""
    async with shop.issuing():
        draft, doomed = await shop.draft(sellToOrderReference="R"), await shop.draft()
    version = (await shop.get(draft)).headers["ETag"]
    body = shop.body(sellToOrderReference="R")
    async with stocked(dsn) as other:
        for method, path, change, headers in (
            ("PUT", draft, body, {KEY: "k", "If-Match": version}),
            ("DELETE", doomed, None, {KEY: "k"}),
        ):
            loading, load_now = asyncio.Event(), asyncio.Event()
            load = other.platform.orders.load

            async def load_later(*args: Any, **more: Any) -> Any:
                loading.set()  # noqa: B023 - of this round
                await load_now.wait()  # noqa: B023
                return await load(*args, **more)  # noqa: B023

            other.platform.orders.load = load_later  # type: ignore[method-assign]
            retry = asyncio.create_task(other.call(method, path, change, key=shop.key, headers=headers))
            await loading.wait()
            first = await shop.call(method, path, change, headers=headers)
            assert first.status == 200
            load_now.set()
            _same(first, await retry)
            other.platform.orders.load = load  # type: ignore[method-assign]


async def test_many_retries_at_once_make_one_order(shop: Shop) -> None:
    body = shop.body()
    answers = await asyncio.gather(*(shop.call("POST", "/channelManager", body, headers={KEY: "k"}) for _ in range(50)))
    kinds = Counter(
        "replay" if REPLAYED in answer.headers else answer.body.get("code", answer.status) for answer in answers
    )
    assert kinds[201] == 1
    assert set(kinds) <= {201, "replay", "request_in_progress"}
    assert len({answer.body["orderId"] for answer in answers if answer.status == 201}) == 1
    topics = Counter(row[2] for row in await shop.log())
    assert topics["order.submitted.v1"] == 1
