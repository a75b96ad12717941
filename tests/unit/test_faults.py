"""Pointers, and the order and number of faults in an answer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.faults import FAULT_LIMIT, Fault, FaultReport, in_document_order, pointer_to, report_of, until_enough

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def _pointers(document: object, *place: str | int) -> list[str]:
    """Every place of a document, as a reader comes to them."""
    here = [pointer_to(*place)]
    inner: list[tuple[str | int, object]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document))
    return here + [pointer for token, value in inner for pointer in _pointers(value, *place, token)]


def _fault(pointer: str) -> Fault:
    return Fault(pointer, "wrong_type", "")


@pytest.mark.parametrize(
    ("tokens", "pointer"),
    [
        ((), ""),
        (("items", 0, "visitDate"), "/items/0/visitDate"),
        (("a/b",), "/a~1b"),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
        (("",), "/"),
    ],
)
def test_a_pointer_is_escaped_as_rfc_6901_says(tokens: tuple[str | int, ...], pointer: str) -> None:
    assert pointer_to(*tokens) == pointer


@given(JSON, st.randoms())
def test_faults_are_sorted_by_their_place_in_the_document(document: object, random: object) -> None:
    expected = [_fault(pointer) for pointer in _pointers(document)]
    shuffled = list(expected)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_document_order(document, shuffled) == expected


def test_names_keep_the_order_of_the_document_not_of_the_alphabet() -> None:
    document = msgspec.json.decode(b'{"b": 1, "a": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}')
    pointers = ["/b", "/a", "/a/2", "/a/10"]
    assert [fault.pointer for fault in in_document_order(document, map(_fault, reversed(pointers)))] == pointers


def test_what_is_missing_comes_after_what_its_object_has() -> None:
    document = {"items": [{"quantity": 0}, {"quantity": 0}], "status": ""}
    pointers = ["/items/0/quantity", "/items/0/visitDate", "/items/1/quantity", "/items/2", "/status", "/partnerId"]
    shuffled = ["/partnerId", "/items/0/visitDate", "/items/2", "/status", "/items/1/quantity", "/items/0/quantity"]
    assert [fault.pointer for fault in in_document_order(document, map(_fault, shuffled))] == pointers


def test_faults_at_one_place_keep_their_order() -> None:
    faults = [Fault("/a", code, "") for code in ("too_long", "bad_format", "duplicate")]
    assert in_document_order({"a": ""}, faults) == faults


def test_what_is_missing_keeps_its_order() -> None:
    faults = [_fault("/z"), _fault("/b/c"), _fault("/a")]
    assert in_document_order({"x": 1}, faults) == faults


def test_a_place_below_a_scalar_is_taken_as_the_scalar() -> None:
    faults = [_fault("/a/b/c"), _fault("/c")]
    assert in_document_order({"a": "", "c": ""}, reversed(faults)) == faults


def test_a_name_is_looked_up_unescaped() -> None:
    faults = [_fault("/a~1b"), _fault("/m~0n"), _fault("/~01")]
    assert in_document_order({"a/b": 1, "m~n": 2, "~1": 3}, reversed(faults)) == faults


def test_a_hundred_faults_are_shown_and_more_are_told_of() -> None:
    document = dict.fromkeys(map(str, range(200)))
    faults = [_fault(f"/{name}") for name in document]
    assert report_of(document, reversed(faults[:FAULT_LIMIT])) == FaultReport(tuple(faults[:FAULT_LIMIT]), False)
    assert report_of(document, reversed(faults)) == FaultReport(tuple(faults[:FAULT_LIMIT]), True)


def test_a_report_without_faults_is_false() -> None:
    assert not report_of({}, [])
    assert report_of({}, [_fault("/a")])


def test_no_part_is_looked_into_after_there_are_too_many_faults_to_show() -> None:
    looked_into: list[int] = []

    def part(index: int, count: int) -> list[Fault]:
        looked_into.append(index)
        return [_fault(f"/{index}")] * count

    assert len(until_enough(part(index, FAULT_LIMIT // 2) for index in range(9))) == FAULT_LIMIT * 3 // 2
    assert looked_into == [0, 1, 2]
    assert until_enough([[_fault("/a")], [], [_fault("/b")]]) == [_fault("/a"), _fault("/b")]
