"""The fast way of reading and the thorough one are one contract: what one takes, the other finds no fault in."""

import json
import re
from typing import Annotated, Any, Literal

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from domain.reading import FilledText20, Ignored, IsoDate, Reader, Reading, Text10, TimeOfDay, Uuid


class Line(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    item_number: FilledText20
    visit_date: IsoDate
    visit_time: TimeOfDay
    quantity: Annotated[int, Meta(ge=1, le=9999)] = 1
    sell_to_name: Text10 | UnsetType | None = UNSET
    names: tuple[Text10, ...] | None = None
    wallets: Annotated[list[Ignored], Meta(max_length=0, extra={"read_only": "x"})] | None = None


class Order(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    partner_id: Uuid
    items: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=3)]
    kind: Literal["a", "b"] | None = None
    active: bool | None = None
    code: Annotated[str, Meta(pattern=r"^[a-z]*\Z", min_length=1)] | None = None
    texts: Annotated[dict[Text10, FilledText20], Meta(max_length=2)] | None = None
    status: Ignored = None


class SpiedReader(Reader[Order]):
    """Says which way a body was read."""

    thorough = False

    def _read_thoroughly(self, body: bytes) -> Reading[Order]:
        self.thorough = True
        return super()._read_thoroughly(body)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([0.5, -0.5]) | st.text("a\0é", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
UUIDS = st.uuids().map(str) | st.uuids().map(lambda value: str(value).upper())
DATES = st.dates().map(str)
TIMES = st.times().map(lambda moment: moment.isoformat("seconds"))
LOOSE = (
    st.uuids().map(lambda value: value.hex)
    | st.uuids().map(lambda value: f"urn:uuid:{value}")
    | st.times().map(lambda moment: moment.isoformat("microseconds"))
    | st.sampled_from(["10:30", "24:00:00", "10:30:00Z", "10:30:00+01:00", "10:30:60", "10:30:00.", "10:30:00,5"])
    | st.sampled_from(["2026-02-30", "0000-01-01", "20260101", "2026-001", "2026-W01-1", "2026-01-01T00:00:00"])
    | st.from_regex(r"[0-9]{2}:[0-9]{2}:[0-9]{2}\n?")
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\s?")
)


def nearly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what is right, now and then anything."""
    return st.integers(0, 19).flatmap(lambda chance: right if chance else ANYTHING | LOOSE)


def texts(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text('aZ09 é\U0001f600/"\\\n', min_size=least, max_size=most)


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with all required fields, or nearly, some optional ones, and now and then one that is unknown."""
    strange = st.sampled_from([{}] * 19 + [{"unknown": 1}])
    lacking = st.sampled_from([None] * 19 + list(required))
    return st.builds(
        lambda members, extra, lack: {name: value for name, value in {**members, **extra}.items() if name != lack},
        st.fixed_dictionaries(
            {name: nearly(value) for name, value in required.items()},
            optional={name: nearly(st.none() | value) for name, value in optional.items()},
        ),
        strange,
        lacking,
    )


LINES = objects(
    {"itemNumber": texts(1, 21), "visitDate": DATES, "visitTime": TIMES},
    {
        "sellToName": texts(0, 11),
        "names": st.lists(nearly(texts(0, 10)), max_size=3),
        "wallets": st.lists(ANYTHING, max_size=1),
    },
)
QUANTIFIED = st.builds(lambda line, quantity: {**line, "quantity": quantity}, LINES, nearly(st.integers(-1, 10001)))
ORDERS = objects(
    {"partnerId": UUIDS, "items": st.lists(nearly(LINES | QUANTIFIED), min_size=0, max_size=4)},
    {
        "kind": st.sampled_from("abc"),
        "active": st.booleans(),
        "code": st.text("ab", max_size=2),
        "texts": st.dictionaries(texts(0, 11), texts(0, 3), max_size=3),
        "status": ANYTHING,
    },
)
WRITTEN = st.builds(
    lambda order, ascii_only: json.dumps(order, ensure_ascii=ascii_only).encode(), ORDERS, st.booleans()
)
RIGHT = (
    '{"partnerId":"9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8",'
    '"items":[{"itemNumber":"1","visitDate":"2026-12-01","visitTime":"%s"}]}'
)


@given(WRITTEN)
@example((RIGHT % "10:30:00").encode())
@example((RIGHT % "10:30:00.5").encode())
@example((RIGHT % r"\u0031\u0030:30:00.5").encode())
@example((RIGHT % r"10:30:\u0030\u0030.5").encode())
@example((RIGHT % r"10:30:00\u002e5").encode())
@example((RIGHT % "10:30:00").replace("-", "").encode())
@example(
    (RIGHT % "10:30:00")
    .replace("9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8", r"9c6b2f4e2b714d239d6aa3b4c5d6e7f\u0038")
    .encode()
)
@example((RIGHT % "10:30:00").replace('"1"', r'"\u0000"').encode())
def test_what_the_fast_way_takes_has_no_fault_and_the_same_value(body: bytes) -> None:
    reader = SpiedReader(Order)
    fast = reader.read(body)
    read_thoroughly = reader.thorough
    thorough = reader._read_thoroughly(body)
    assert fast.value == thorough.value
    assert list(fast.faults) == list(thorough.faults)
    if not read_thoroughly:
        assert not thorough.faults
    elif not thorough.faults:
        # What has no fault and is not read fast holds something that might have been one.
        order = json.loads(body)
        suspicious = re.search(rb"\\u00[0-7]|:[0-9]{2}[.]", body) or b"urn" in body or "texts" in order
        nulls = [line.get("quantity", 1) for line in order["items"]]
        assert suspicious or None in nulls


def test_a_plain_body_is_read_the_fast_way() -> None:
    reader = SpiedReader(Order)
    assert not reader.read((RIGHT % "10:30:00").encode()).faults
    assert not reader.thorough


def test_an_escaped_letter_beyond_ascii_is_read_the_fast_way() -> None:
    reader = SpiedReader(Order)
    assert not reader.read((RIGHT % "10:30:00").replace('"1"', r'"caf\u00e9"').encode()).faults
    assert not reader.thorough
