"""References: a partner's is held by one living order, ours can be read aloud and checked."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.crockford import ALPHABET, check_holds, checked_symbols
from domain.history import HistoryBroken
from domain.order.refusals import DuplicateOrder
from domain.references import (
    INITIAL,
    Free,
    ReferenceReleased,
    ReferenceReserved,
    Reserved,
    buy_from_order_reference,
    evolve,
    is_buy_from_order_reference,
    release,
    reserve,
)

ORDER, OTHER, PARTNER = UUID(int=1), UUID(int=2), UUID(int=3)
RESERVED = ReferenceReserved(ORDER, PARTNER, "A-1")
REFERENCES = st.binary(min_size=13, max_size=13).map(buy_from_order_reference)


def test_a_free_reference_is_reserved() -> None:
    assert reserve(INITIAL, ORDER, PARTNER, "A-1") == [RESERVED]
    assert evolve(INITIAL, RESERVED) == Reserved(ORDER)


def test_a_reserved_reference_names_the_order_that_has_it() -> None:
    with pytest.raises(DuplicateOrder) as caught:
        reserve(Reserved(ORDER), OTHER, PARTNER, "A-1")
    assert (caught.value.existing_order_id, caught.value.code) == (ORDER, "duplicate_order")
    assert str(ORDER) in str(caught.value)


def test_a_released_reference_is_free_again() -> None:
    events = release(Reserved(ORDER), ORDER)
    assert events == [ReferenceReleased(ORDER)]
    assert evolve(Reserved(ORDER), events[0]) == Free()


def test_only_the_order_that_has_a_reference_releases_it() -> None:
    assert release(Reserved(ORDER), OTHER) == []
    assert release(INITIAL, ORDER) == []


def test_a_broken_history_is_not_folded() -> None:
    with pytest.raises(HistoryBroken):
        evolve(Reserved(ORDER), RESERVED)
    with pytest.raises(HistoryBroken):
        evolve(Reserved(ORDER), ReferenceReleased(OTHER))
    with pytest.raises(HistoryBroken):
        evolve(INITIAL, ReferenceReleased(ORDER))


# Our own


def test_our_reference_looks_as_in_the_contract() -> None:
    assert buy_from_order_reference(bytes(13)) == "CM-00000-00000-0000"
    assert is_buy_from_order_reference(buy_from_order_reference(b"\x5a" * 13))


@given(REFERENCES)
def test_our_reference_has_at_most_20_characters_in_groups(reference: str) -> None:
    assert len(reference) <= 20
    assert [len(group) for group in reference.split("-")] == [2, 5, 5, 4]
    assert set(reference[3:]) - {"-"} <= set(ALPHABET)


@given(st.binary(min_size=13, max_size=13), st.binary(min_size=13, max_size=13))
def test_five_bits_of_each_random_byte_count(one: bytes, other: bytes) -> None:
    same = [byte & 31 for byte in one] == [byte & 31 for byte in other]
    assert (buy_from_order_reference(one) == buy_from_order_reference(other)) == same


@pytest.mark.parametrize("size", [12, 14])
def test_a_reference_is_made_of_13_random_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="13 random bytes"):
        buy_from_order_reference(bytes(size))


@given(REFERENCES)
def test_our_reference_is_known_as_it_is_heard(reference: str) -> None:
    heard = reference.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert is_buy_from_order_reference(heard)


@given(st.binary(min_size=13, max_size=13), st.integers(0, 13), st.sampled_from(ALPHABET))
def test_any_wrong_symbol_is_found(random: bytes, place: int, symbol: str) -> None:
    symbols = checked_symbols(random)
    wrong = symbols[:place] + symbol + symbols[place + 1 :]
    assert check_holds(wrong) == (wrong == symbols)


@given(st.binary(min_size=13, max_size=13), st.integers(0, 13), st.integers(0, 13))
def test_any_two_symbols_that_were_swapped_are_found(random: bytes, one: int, other: int) -> None:
    symbols = list(checked_symbols(random))
    swapped = symbols.copy()
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert check_holds("".join(swapped)) == (swapped == symbols)


@pytest.mark.parametrize("text", ["", "CM-", "CM-00000-00000-000", "XX-00000-00000-0000", "CM-U0000-00000-0000"])
def test_what_we_never_gave_is_not_our_reference(text: str) -> None:
    assert not is_buy_from_order_reference(text)


def test_nothing_has_no_check_symbol() -> None:
    assert not check_holds("")
