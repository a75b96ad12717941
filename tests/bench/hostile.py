"""createOrder bodies that ought to be refused, among them the dearest that fit into 1 MiB."""

import json
from collections.abc import Iterator

import msgspec

from tests.bench.prepared import create_order_body

MOST_BYTES = 1024 * 1024  # of a body, by the contract


class Hostile(msgspec.Struct, frozen=True):
    """`may_be_cut`: the connection may close instead of an answer."""

    name: str
    body: bytes
    content_type: str = "application/json"
    may_be_cut: bool = False


def hostile_bodies(partner_id: str) -> Iterator[Hostile]:
    """Every kind of malformed body that the contract names, and what is expensive to find fault with."""
    good = create_order_body(partner_id, "HOSTILE-1")
    order = json.loads(good)
    line = order["items"][0]

    def with_members(**members: object) -> bytes:
        return json.dumps({**order, **members}, separators=(",", ":")).encode()

    def with_line(**members: object) -> bytes:
        return with_members(items=[{**line, **members}])

    yield Hostile("empty", b"")
    yield Hostile("not JSON", b"sellToOrderReference=1")
    yield Hostile("cut off", good[:-1])
    yield Hostile("NaN", good.replace(b'"quantity":2', b'"quantity":NaN'))
    yield Hostile("invalid UTF-8", good.replace(b"Jane", b"\xff\xfe"))
    yield Hostile("U+0000", good.replace(b"Jane", b"\\u0000"))
    yield Hostile("lone surrogate", good.replace(b"Jane", b"\\ud800"))
    yield Hostile("another content type", good, content_type="text/plain")
    yield Hostile("1 MiB + 1", good + b" " * (MOST_BYTES + 1 - len(good)), may_be_cut=True)
    yield Hostile("unknown fields", with_members(unheardOf=1, another={}))
    yield Hostile(
        "wrong types everywhere", b'{"partnerId":1,"sellToOrderReference":[],"paymentReference":{},"items":{}}'
    )
    yield Hostile("501 items", with_members(items=[line] * 501))
    yield Hostile("deep nesting, arrays", b"[" * (MOST_BYTES // 2) + b"]" * (MOST_BYTES // 2))
    yield Hostile("deep nesting, objects", filled(good, b'{"a":' * 150_000 + b"1" + b"}" * 150_000))
    yield Hostile("deep nesting in an unknown field", filled(good, b"[" * 400_000 + b"]" * 400_000))
    yield Hostile("a number of a million digits", good.replace(b'"quantity":2', b'"quantity":' + b"9" * 1_000_000))
    yield Hostile("a huge exponent", good.replace(b'"quantity":2', b'"quantity":1e999999999'))
    yield Hostile("a text of a million characters", with_members(sellToName="x" * 1_000_000))
    yield Hostile("a reference of escapes", with_members(sellToOrderReference="\u00e9" * 170_000))
    yield Hostile("350,000 empty items", filled(good, b"[" + b"{}," * 349_000 + b"{}]", b"items"))
    yield Hostile("500,000 wrong names", with_line(quantity=9999, wallet={"names": [1] * 520_000}))
    yield Hostile(
        "500 lines of wrong names", with_members(items=[{**line, "wallet": {"names": [1] * 950}} for _ in range(500)])
    )
    yield Hostile("500 lines of wrong types", with_members(items=[{"itemNumber": 1, "quantity": "x"}] * 500))
    yield Hostile("500 lines without anything", with_members(items=[{}] * 500))
    yield Hostile("95,000 unknown fields", b"{" + b"".join(b'"%05x":0,' % n for n in range(95_000)) + good[1:])
    yield Hostile("500 lines of 230 unknown fields", with_members(items=[{f"{n:x}": 0 for n in range(230)}] * 500))
    yield Hostile("one name 100,000 times", b"{" + b'"items":1,' * 100_000 + good[1:-1] + b',"items":1}')
    yield Hostile("55,000 wrong components", with_line(componentSchedule=[{"itemNumber": 1}] * 55_000))


def filled(good: bytes, value: bytes, name: bytes = b"unheardOf") -> bytes:
    """The good body with a member `name` of the given raw value at its end (where it replaces one before it)."""
    return good[:-1] + b',"' + name + b'":' + value + b"}"
