"""Each structural fault, at its place, with its code; and what is saved of a body with faults."""

from bisect import bisect_left
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from domain.faults import FAULT_LIMIT, Fault, FaultReport
from domain.reading import FilledText20, Ignored, IsoDate, MalformedJson, Reader, Text10, TimeOfDay, Uuid


class Part(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    item_number: FilledText20 | UnsetType
    visit_date: IsoDate | UnsetType | None = None
    visit_time: TimeOfDay | UnsetType | None = None
    quantity: Annotated[int, Meta(ge=1, le=9999)] = 1
    names: Annotated[list[Text10 | UnsetType], Meta(max_length=3)] | UnsetType | None = None
    wallets: (
        Annotated[list[Ignored], Meta(max_length=0, extra={"read_only": "send wallet.names"})] | UnsetType | None
    ) = None


class Body(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    partner_id: Uuid | UnsetType
    parts: Annotated[tuple[Part | UnsetType, ...], Meta(min_length=1, max_length=500)] | UnsetType
    note: Text10 | UnsetType | None = UNSET
    code: Annotated[str, Meta(pattern=r"^[a-z]+\Z", max_length=5)] | UnsetType = "abc"
    kind: Literal["ticket", "coupon"] | UnsetType = "ticket"
    active: bool | UnsetType = True
    texts: Annotated[dict[Text10, FilledText20 | UnsetType], Meta(max_length=3)] | UnsetType = {}
    at_least: Annotated[int, Meta(ge=0)] | UnsetType = 0
    at_most: Annotated[int, Meta(le=9)] | UnsetType = 0
    status: Ignored = None


class Priced(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    price: Annotated[Decimal, Meta(extra={"minimum": Decimal(0), "maximum": Decimal("99.5")})] | UnsetType
    any_price: Decimal | UnsetType = Decimal(1)
    from_one: Annotated[Decimal, Meta(extra={"minimum": Decimal(1)})] | UnsetType = Decimal(1)
    date: IsoDate | UnsetType | None = None


READER = Reader(Body)
PRICED = Reader(Priced)
PARTNER = "9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8"


def document(**changes: Any) -> bytes:
    return msgspec.json.encode({"partnerId": PARTNER, "parts": [{"itemNumber": "1"}], **changes})


def part(**changes: Any) -> bytes:
    return document(parts=[{"itemNumber": "1", **changes}])


def faults(body: bytes, reader: Reader[Any] = READER) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in reader.read(body).faults]


def test_a_body_without_a_fault_is_typed() -> None:
    reading = READER.read(part(visitDate="2026-12-01", visitTime="10:30:00", quantity=2, names=["é"]))
    assert reading.value.partner_id == UUID(PARTNER)
    assert reading.value.parts == (Part("1", date(2026, 12, 1), time(10, 30), 2, ["é"]),)
    assert not reading.faults
    assert not reading.report()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (document(partnerId=1), ("/partnerId", "wrong_type")),
        (document(partnerId=None), ("/partnerId", "required")),
        (document(partnerId="x"), ("/partnerId", "bad_format")),
        (document(partnerId=PARTNER.replace("-", "")), ("/partnerId", "bad_format")),
        (document(partnerId="{" + PARTNER + "}"), ("/partnerId", "bad_format")),
        (document(partnerId=PARTNER + "\n"), ("/partnerId", "bad_format")),
        (b'{"parts": [{"itemNumber": "1"}]}', ("/partnerId", "required")),
        (document(parts={}), ("/parts", "wrong_type")),
        (document(parts=[]), ("/parts", "too_few")),
        (document(parts=[{}] * 501), ("/parts", "too_many")),
        (document(parts=[None]), ("/parts/0", "wrong_type")),
        (document(parts=[[]]), ("/parts/0", "wrong_type")),
        (document(parts=[{}]), ("/parts/0/itemNumber", "required")),
        (document(parts=[{"itemNumber": None}]), ("/parts/0/itemNumber", "required")),
        (part(itemNumber=""), ("/parts/0/itemNumber", "too_short")),
        (part(itemNumber="x" * 21), ("/parts/0/itemNumber", "too_long")),
        (part(visitDate=20261201), ("/parts/0/visitDate", "wrong_type")),
        (part(visitDate="2026-02-30"), ("/parts/0/visitDate", "bad_format")),
        (part(visitDate="2026-2-03"), ("/parts/0/visitDate", "bad_format")),
        (part(visitDate="2026-W01-1"), ("/parts/0/visitDate", "bad_format")),
        (part(visitDate="20261201"), ("/parts/0/visitDate", "bad_format")),
        (part(visitDate="\u0662026-12-01"), ("/parts/0/visitDate", "bad_format")),
        (part(visitDate="2026-12-01\n"), ("/parts/0/visitDate", "bad_format")),
        (part(visitTime="10:30"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="24:00:00"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="10:60:00"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="23:59:60"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="10:30:00.0"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="10:30:00Z"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="10:30:00+01:00"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="10:30:00\n"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime="1\u0660:30:00"), ("/parts/0/visitTime", "bad_format")),
        (part(visitTime=1), ("/parts/0/visitTime", "wrong_type")),
        (part(quantity=0), ("/parts/0/quantity", "out_of_range")),
        (part(quantity=10000), ("/parts/0/quantity", "out_of_range")),
        (part(quantity=10**30), ("/parts/0/quantity", "out_of_range")),
        (part(quantity="1"), ("/parts/0/quantity", "wrong_type")),
        (part(quantity=True), ("/parts/0/quantity", "wrong_type")),
        (part(quantity=1.0), ("/parts/0/quantity", "wrong_type")),
        (part(names=["", None]), ("/parts/0/names/1", "wrong_type")),
        (part(names=["", "x" * 11]), ("/parts/0/names/1", "too_long")),
        (part(names=[1] * 4), ("/parts/0/names", "too_many")),
        (part(names=""), ("/parts/0/names", "wrong_type")),
        (part(wallets=[{"x": "\0"}]), ("/parts/0/wallets", "read_only")),
        (part(wallets={}), ("/parts/0/wallets", "wrong_type")),
        (part(lineNo=1), ("/parts/0/lineNo", "unknown_field")),
        (document(note=5), ("/note", "wrong_type")),
        (document(note="x" * 11), ("/note", "too_long")),
        (document(note="a\0b"), ("/note", "bad_format")),
        (document(code="ABC"), ("/code", "bad_format")),
        (document(code="abc\n"), ("/code", "bad_format")),
        (document(kind="package"), ("/kind", "unknown_value")),
        (document(kind=["ticket"]), ("/kind", "wrong_type")),
        (document(active=1), ("/active", "wrong_type")),
        (document(active="true"), ("/active", "wrong_type")),
        (document(texts=[]), ("/texts", "wrong_type")),
        (document(texts={"DAN": ""}), ("/texts/DAN", "too_short")),
        (document(texts={"DAN": 1}), ("/texts/DAN", "wrong_type")),
        (document(texts={"x" * 11: ""}), ("/texts/" + "x" * 11, "too_long")),
        (document(texts={"a\0": "x"}), ("/texts/a\0", "bad_format")),
        (document(texts=dict.fromkeys("abcd")), ("/texts", "too_many")),
        (document(atLeast=-1), ("/atLeast", "out_of_range")),
        (document(atMost=10), ("/atMost", "out_of_range")),
        (document(status={"a": [1, {}, [], {"b": "x\0"}]}), ("/status/a/3/b", "bad_format")),
        (document(status="\0"), ("/status", "bad_format")),
        (document(**{"a/b~c": 1}), ("/a~1b~0c", "unknown_field")),
        (document(**{"\0": 1}), ("/\0", "unknown_field")),
        (b"[]", ("", "wrong_type")),
        (b"null", ("", "wrong_type")),
        (b'"x"', ("", "wrong_type")),
        (b"1.5", ("", "wrong_type")),
        (b"true", ("", "wrong_type")),
    ],
)
def test_a_fault_is_told_at_its_place(body: bytes, expected: tuple[str, str]) -> None:
    assert faults(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        part(quantity=1),
        part(quantity=9999),
        part(itemNumber="x" * 20),
        part(names=["x" * 10] * 3),
        part(names=["\U0001f600" * 10]),
        part(names=None),
        part(names=[]),
        part(wallets=[]),
        part(wallets=None),
        part(visitDate="2024-02-29", visitTime="23:59:59"),
        part(visitTime="00:00:00"),
        document(parts=[{"itemNumber": "1"}] * 500),
        document(partnerId=PARTNER.upper()),
        document(status={"any": ["thing", 1.5, None, True]}),
        document(kind="coupon", active=False, texts={"DAN": "x"}, atLeast=0, atMost=9, code="abcde"),
        document(kind=None, active=None, texts=None, code=None, atLeast=None),
        document(texts={"DAN": None}),
        document(status="a \\u0000 that was escaped twice"),
        document(note="10:30:00.5", status="9c6b2f4e2b714d239d6aa3b4c5d6e7f8"),
        b'{"status": 1e400, ' + document()[1:],
        b'{"partnerId": "", ' + document()[1:],
        document().replace(b"9c6b", rb"\u0039c6b"),
        document().replace(b"partnerId", rb"\u0070artnerId"),
    ],
)
def test_what_the_contract_takes_has_no_fault(body: bytes) -> None:
    assert faults(body) == []


def test_null_counts_as_absent_where_a_field_has_a_default() -> None:
    reading = READER.read(document(kind=None, texts=None, code=None))
    assert (reading.value.kind, reading.value.texts, reading.value.code) == ("ticket", {}, "abc")
    assert READER.read(document(texts={"DAN": None, "DEU": "x"})).value.texts == {"DEU": "x"}


@pytest.mark.parametrize("fault", [{}, {"unknown": 1}])
def test_null_and_absent_differ_where_the_type_says_so(fault: dict[str, int]) -> None:
    assert READER.read(document(**fault)).value.note is UNSET
    assert READER.read(document(note=None, **fault)).value.note is None


def test_the_last_of_two_equal_names_counts() -> None:
    right = document()[:-1]
    assert faults(right + b', "note": 1, "note": "x"}') == []
    assert faults(right + b', "note": "x", "note": 1}') == [("/note", "wrong_type")]
    assert READER.read(b'{"note": 1, ' + right[1:] + b', "note": "x"}').value.note == "x"


def test_faults_come_in_the_order_of_the_document_and_what_is_missing_last() -> None:
    body = b'{"zzz": 1, "parts": [{"names": [1, "", 2], "quantity": 0}, 5], "note": 1}'
    assert faults(body) == [
        ("/zzz", "unknown_field"),
        ("/parts/0/names/0", "wrong_type"),
        ("/parts/0/names/2", "wrong_type"),
        ("/parts/0/quantity", "out_of_range"),
        ("/parts/0/itemNumber", "required"),
        ("/parts/1", "wrong_type"),
        ("/note", "wrong_type"),
        ("/partnerId", "required"),
    ]


def test_a_text_is_told_of_its_length_and_of_u_0000() -> None:
    assert faults(document(note="x\0" * 9)) == [("/note", "too_long"), ("/note", "bad_format")]


def test_a_text_too_long_is_not_also_matched_against_its_pattern() -> None:
    assert faults(document(code="ABCDEF")) == [("/code", "too_long")]


def test_every_u_0000_in_what_is_ignored_is_told() -> None:
    body = document(status={"a": "\0", "b": [["\0"], "x", "\0"], "c": {}}, note="\0")
    expected = ["/status/a", "/status/b/0/0", "/status/b/2", "/note"]
    assert faults(body) == [(pointer, "bad_format") for pointer in expected]


def test_what_is_saved_has_unset_for_each_fault_and_the_rest_typed() -> None:
    body = document(
        partnerId="x",
        parts=[{"itemNumber": 1, "visitDate": "2026-12-01", "names": ["a", 1, "b"]}, None, {"itemNumber": "2"}],
        note=1,
        texts={"DAN": "x", "DEU": 1},
    )
    value = READER.read(body).value
    assert value.partner_id is UNSET
    assert value.note is UNSET
    assert value.parts == (
        Part(UNSET, date(2026, 12, 1), names=["a", UNSET, "b"]),
        UNSET,
        Part("2"),
    )
    assert value.texts == {"DAN": "x", "DEU": UNSET}
    assert value.kind == "ticket"


def test_a_body_that_is_no_object_has_every_field_unset() -> None:
    value = READER.read(b"[]").value
    assert isinstance(value, Body)
    assert {getattr(value, field) for field in Body.__struct_fields__} == {UNSET}


def test_reading_stops_one_fault_after_what_an_answer_shows() -> None:
    reading = READER.read(document(parts=[{"names": [1, 1, 1]}] * 400, note=1))
    assert len(reading.faults) == FAULT_LIMIT + 1
    assert reading.faults[-1].pointer == "/parts/25/names/0"
    assert isinstance(reading.value.parts, tuple)
    assert len(reading.value.parts) == 400
    last = reading.value.parts[25]
    assert isinstance(last, Part)
    assert last.names == [UNSET] * 3
    quantity: object = last.quantity
    assert quantity is UNSET  # not looked at, so not known: 1 would be a guess
    assert reading.value.parts[26] is UNSET
    assert reading.value.note is UNSET
    assert reading.value.kind is UNSET
    report = reading.report()
    assert (len(report.faults), report.truncated) == (FAULT_LIMIT, True)


def test_reading_stops_in_mappings_and_in_what_is_ignored_too() -> None:
    class Wide(Struct, forbid_unknown_fields=True):
        texts: dict[str, int | UnsetType] | UnsetType = {}
        status: Ignored = None

    reader = Reader(Wide)
    names = list(map(str, range(300)))
    texts = reader.read(msgspec.json.encode({"texts": dict.fromkeys(names, "x")}))
    assert len(texts.faults) == FAULT_LIMIT + 1
    assert isinstance(texts.value.texts, dict)
    assert len(texts.value.texts) == FAULT_LIMIT + 1
    ignored = reader.read(msgspec.json.encode({"status": ["\0"] * 300, "more": 1}))
    assert [fault.pointer for fault in ignored.faults[-2:]] == ["/status/99", "/status/100"]


def test_other_checks_faults_are_merged_in_document_order() -> None:
    reading = READER.read(document(parts=[{"quantity": 0}, {"itemNumber": "2"}], note=1))
    more = [Fault("/parts/1/itemNumber", "unknown_item", ""), Fault("/partnerId", "unknown_partner", "")]
    assert [fault.pointer for fault in reading.report(more).faults] == [
        "/partnerId",
        "/parts/0/quantity",
        "/parts/0/itemNumber",
        "/parts/1/itemNumber",
        "/note",
    ]


def test_other_checks_faults_are_sorted_where_the_structure_is_right() -> None:
    reading = READER.read(part(quantity=2))
    more = [Fault("/parts/0/quantity", "x", ""), Fault("/partnerId", "x", "")]
    assert [fault.pointer for fault in reading.report(more).faults] == ["/partnerId", "/parts/0/quantity"]
    assert reading.report().faults == ()


def _nested(depth: int) -> bytes:
    return b'{"status": ' + b"[" * depth + b"]" * depth + b", " + document()[1:]


def _is_read(body: bytes) -> bool:
    try:
        return not READER.read(body).faults
    except MalformedJson:
        return False


def _from_deep_in_the_stack(frames: int, call: Callable[[], FaultReport]) -> FaultReport:
    return _from_deep_in_the_stack(frames - 1, call) if frames else call()


def test_faults_are_told_even_where_too_little_stack_is_left_to_sort_them() -> None:
    deepest = bisect_left(range(100_000), True, key=lambda depth: not _is_read(_nested(depth))) - 1
    reading = READER.read(_nested(deepest))
    more = [Fault("/parts/0", "x", ""), Fault("/partnerId", "x", "")]
    report = _from_deep_in_the_stack(100, lambda: reading.report(more))
    assert set(report.faults) == set(more)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b"nope",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 01}',
        b'{"a": 1,}',
        b'{"note": "\xff"}',
        b'{"note": "\xed\xa0\x80"}',
        b'{"\xff": 1}',
        b'{"note": "\x00"}',
        b'{"note": "\\ud800"}',
        b'{"note": "\\ud800x"}',
        b'{"\\udc00": 1}',
        b"\xef\xbb\xbf{}",
        '{"note": "x"}'.encode("utf-16"),
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"status":' * 100_000 + b"1" + b"}" * 100_000,
    ],
)
@pytest.mark.parametrize("reader", [READER, PRICED])
def test_what_is_not_json_is_malformed_and_nothing_else(body: bytes, reader: Reader[Any]) -> None:
    with pytest.raises(MalformedJson, match="not JSON"):
        reader.read(body)


def test_an_exponent_that_no_number_has_is_malformed() -> None:
    with pytest.raises(MalformedJson):
        PRICED.read(b'{"price": 1e9999999999999999999999}')


@pytest.mark.parametrize(
    ("written", "price"), [("1", "1"), ("99.5", "99.5"), ("0.10", "0.10"), ("1e1", "1E+1"), ("0", "0"), ("-0", "0")]
)
def test_a_decimal_keeps_its_digits(written: str, price: str) -> None:
    reading = PRICED.read(f'{{"price": {written}}}'.encode())
    assert not reading.faults
    assert str(reading.value.price) == price


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('"1.50"', "wrong_type"),
        ("true", "wrong_type"),
        ("-0.01", "out_of_range"),
        ("99.51", "out_of_range"),
        ("1e999999", "out_of_range"),
        ("null", "required"),
    ],
)
def test_what_is_no_decimal_in_range(written: str, code: str) -> None:
    assert faults(f'{{"price": {written}}}'.encode(), PRICED) == [("/price", code)]


def test_a_decimal_without_a_range_takes_any_and_one_with_half_a_range_half() -> None:
    assert faults(b'{"price": 1, "anyPrice": -1e5, "fromOne": 1e9}', PRICED) == []
    assert faults(b'{"price": 1, "fromOne": 0.99}', PRICED) == [("/fromOne", "out_of_range")]


def test_a_message_says_what_was_expected_and_never_what_the_text_was() -> None:
    body = document(note="Jane Doe, 12 Main Street", kind="Jane", code="JANE", parts=[{"quantity": 1.5}], Jane=1)
    messages = [fault.message for fault in READER.read(body).faults]
    assert messages == [
        "Expected a whole number, got one with a fraction or an exponent.",
        "itemNumber is required.",
        "Expected at most 10 characters, got 24.",
        "Expected one of: coupon, ticket.",
        r"Expected text that matches ^[a-z]+\Z.",
        "There is no field Jane here.",
    ]


def test_a_reading_does_not_show_the_body_in_logs() -> None:
    assert "Jane" not in repr(READER.read(document(note="Jane", code="JANE")))


def test_a_long_unknown_name_is_in_the_pointer_alone() -> None:
    [fault] = READER.read(document(**{"x" * 51: 1})).faults
    assert fault.pointer == "/" + "x" * 51
    assert "x" not in fault.message


@pytest.mark.parametrize(
    ("value", "named"),
    [({}, "an object"), ([], "an array"), (True, "true or false"), (1, "a number"), (1.5, "a number")],
)
def test_a_message_names_what_came(value: object, named: str) -> None:
    assert READER.read(document(note=value)).faults[0].message == f"Expected a string, got {named}."


def _struct(annotation: Any, **options: Any) -> type[Struct]:
    return msgspec.defstruct("Odd", [("field", annotation)], **{"forbid_unknown_fields": True, **options})


@pytest.mark.parametrize(
    "odd",
    [
        _struct(int, forbid_unknown_fields=False),
        _struct(int, tag=True),
        _struct(int, array_like=True),
        _struct(int | str),
        _struct(float),
        _struct(time),
        _struct(Any),
        _struct(list[Any]),
        _struct(Literal[1, 2]),
        _struct(Annotated[int, Meta(gt=1)]),
        _struct(Annotated[dict[str, str], Meta(min_length=1)]),
        _struct(Decimal | None | str),
    ],
)
def test_a_type_on_which_both_ways_would_not_agree_is_refused_when_the_reader_is_made(odd: type[Struct]) -> None:
    with pytest.raises(TypeError):
        Reader(odd)
