"""Bodies that nobody sends by mistake: refused as the contract says, in a moment, and nothing comes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench.hostile import Hostile, hostile_bodies
from tests.integration.api.serving import Answer
from tests.integration.api.shop import Shop, line, stocked

PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
MOST_BYTES = 1024 * 1024
BODY_CODES = {"malformed_json", "validation_failed", "payload_too_large", "unsupported_media_type"}


def _with(**members: Any) -> bytes:
    order = {"partnerId": PARTNER, "sellToOrderReference": "HOSTILE", "items": [line()], **members}
    return json.dumps(order, separators=(",", ":")).encode()


def _lines(count: int, **members: Any) -> bytes:
    return _with(items=[line(**members)] * count)


def _dear_bodies() -> Iterator[Hostile]:
    """More of what is dear to check, told and sorted."""
    same = ["a"] * 9999
    yield Hostile(
        "a quarter of a million duplicates", _lines(25, quantity=9999, wallet={"externalReferenceNumbers": same})
    )
    own = [str(number) for number in range(9999)]
    yield Hostile("references again in each line", _lines(15, quantity=9999, wallet={"externalReferenceNumbers": own}))
    yield Hostile("empty names", _with(items=[line(quantity=9999, wallet={"names": [""] * 300_000})]))
    component = {"itemNumber": "33001", "visitDate": "2099-01-01", "visitTime": "10:00:00"}
    yield Hostile("13,000 components of a ticket", _with(items=[line(componentSchedule=[component] * 13_000)]))
    yield Hostile("500 lines in the past", _lines(500, visitDate="2000-01-01", itemNumber="99999"))
    yield Hostile("100,000 NULs in what is ignored", _with(status=["\0"] * 100_000))
    yield Hostile("a long name above a hundred NULs", _with(status={"n" * 900_000: ["\0"] * 100}))
    deep: Any = ["\0"] * 100
    for number in range(500):
        deep = {"/" * 1500 + str(number): deep}
    yield Hostile("500 long names above a hundred NULs", _with(status=deep))
    yield Hostile(
        "nine unknown names of 100,000 slashes", _with(**{"/" * 100_000 + str(number): 1 for number in range(9)})
    )
    yield Hostile("filled wallets everywhere", _lines(500, wallets=[{"a": 1}] * 200))
    yield Hostile("fractions in what is ignored", _with(**{"totals": [1.5] * 200_000, "items": []}))
    yield Hostile("a minus sign", b"-")
    yield Hostile("two documents", _with() + b"{}")
    yield Hostile("a byte order mark", b"\xef\xbb\xbf" + _with())
    yield Hostile("UTF-16", _with().decode().encode("utf-16"))
    yield Hostile("a lone surrogate in UTF-8", _with().replace(b"HOSTILE", b"\xed\xa0\x80"))
    yield Hostile("an array", b"[" + _with() + b"]")
    yield Hostile("null", b"null")
    yield Hostile("Infinity", b'{"items": Infinity}')
    yield Hostile("a comment", _with() + b"/* */")


@pytest.fixture(scope="module")
def bodies() -> list[Hostile]:
    return [*hostile_bodies(PARTNER), *_dear_bodies()]


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with stocked(dsn) as running:
        running.partner_id = await running.partner("Hostile", partnerId=PARTNER)
        running.key = await running.partner_key(PARTNER)
        yield running


def _is_refused(answer: Answer) -> bool:
    return 400 <= answer.status < 500 and answer.code in BODY_CODES


async def test_nothing_comes_of_a_hostile_body(shop: Shop, bodies: list[Hostile]) -> None:
    """The event loop is watched meanwhile: none of them holds it (see the fixtures of all tests)."""
    assert all(len(hostile.body) <= MOST_BYTES or hostile.name == "1 MiB + 1" for hostile in bodies)
    async with shop.issuing():
        draft = await shop.draft()
    log = await shop.log()
    for hostile in bodies:
        headers = {"Content-Type": hostile.content_type}
        for method, path in (("POST", "/channelManager"), ("PUT", draft), ("POST", f"{draft}/confirm")):
            answer = await shop.call(method, path, hostile.body, headers=headers)
            assert _is_refused(answer), (hostile.name, method, path, answer.status, answer.text[:200])
            assert len(answer.text) < 8 * MOST_BYTES, hostile.name
            assert len(answer.body.get("errors", [])) <= 100
    assert await shop.log() == log
    assert (await shop.create()).status == 201  # and the service is as it was


async def test_what_is_exactly_as_large_as_may_be_is_taken(shop: Shop) -> None:
    body = _with()
    for size, status in ((MOST_BYTES, 201), (MOST_BYTES + 1, 413)):
        padded = body + b" " * (size - len(body))
        assert (await shop.call("POST", "/channelManager", padded)).status == status


NAMES = (
    *("partnerId", "sellToOrderReference", "items", "itemNumber", "quantity", "visitDate", "visitTime", "wallet"),
    *("names", "wallets", "paymentReference", "sellToName", "status"),
)
PARAMETERS = (
    *("status", "sellToOrderReference", "buyFromOrderReference", "receivedAtFrom", "receivedAtTo", "pageSize"),
    *("pageKey", "sync", "lastRowVersion", "asOf"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from([PARTNER, "31001", "2099-01-01", "10:30:00", "\0", "A" * 101]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
ANY_BODY = JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
ANY_TEXT = st.text(max_size=12).map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=12)


async def test_no_body_and_no_query_ends_in_a_fault_of_ours(shop: Shop) -> None:
    path = await shop.created()
    log = await shop.log()
    loop = asyncio.get_running_loop()

    def call(*arguments: Any) -> Answer:
        return asyncio.run_coroutine_threadsafe(shop.call(*arguments), loop).result()

    thorough = settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))

    @thorough
    @given(ANY_BODY)
    def any_body(body: bytes) -> None:
        assert _is_refused(call("POST", "/channelManager", body)) or b"quantity" in body
        assert call("PUT", path, body).status < 500
        assert call("POST", f"{path}/confirm", body).status < 500

    @thorough
    @given(st.lists(st.tuples(st.sampled_from(PARAMETERS), ANY_TEXT), min_size=1, max_size=3))
    def any_query(parameters: list[tuple[str, bytes]]) -> None:
        query = "&".join(f"{name}=" + "".join(f"%{byte:02x}" for byte in text) for name, text in parameters)
        for place in (f"/channelManager/orders/{PARTNER}", path, f"{path}/history"):
            answer = call("GET", f"{place}?{query}")
            assert answer.status in {200, 400, 404}, answer.text

    def run() -> None:
        any_body()
        any_query()

    await asyncio.to_thread(run)
    assert await shop.log() == log
