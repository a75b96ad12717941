"""Number patterns: what they may be, and the numbers that they make."""

import os
import re
from collections import Counter
from itertools import cycle
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.issuance.number_pattern import BadPattern, number_pattern

PARTS = st.one_of(
    st.tuples(st.sampled_from(["N", "A", "AN"]), st.integers(1, 20)).map(lambda part: f"[{part[0]}*{part[1]}]"),
    st.text("AZaz09._-", min_size=1, max_size=5),
)
FORMS = {"N": "[0-9]", "A": "[A-Z]", "AN": "[A-Z0-9]"}


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("T[N*12][A*6]", r"T[0-9]{12}[A-Z]{6}"),
        ("R[AN*14]", r"R[A-Z0-9]{14}"),
        ("[N*20]", r"[0-9]{20}"),
        ("a.b_c-[AN*13]-9", r"a\.b_c-[A-Z0-9]{13}-9"),
        ("[N*50]", r"[0-9]{50}"),
    ],
)
def test_a_number_looks_like_its_pattern(pattern: str, form: str) -> None:
    compiled = number_pattern(pattern)
    number = compiled.generate(os.urandom)
    assert re.fullmatch(form, number)
    assert len(number) == compiled.length


@given(st.lists(PARTS, min_size=1, max_size=8).map("".join))
def test_a_pattern_makes_numbers_of_its_form_or_is_refused(pattern: str) -> None:
    random_parts = [(kind, int(count)) for kind, count in re.findall(r"\[(AN|N|A)\*(\d+)\]", pattern)]
    literals = re.sub(r"\[.*?\]", "", pattern)
    length = len(literals) + sum(count for _, count in random_parts)
    possibilities = prod({"N": 10, "A": 26, "AN": 36}[kind] ** count for kind, count in random_parts)
    if length > 50 or possibilities < 2**64:
        with pytest.raises(BadPattern):
            number_pattern(pattern)
        return
    compiled = number_pattern(pattern)
    assert (compiled.length, compiled.possibilities) == (length, possibilities)
    form = re.sub(r"\[(AN|N|A)\*(\d+)\]", lambda part: f"{FORMS[part[1]]}{{{part[2]}}}", pattern.replace(".", "[.]"))
    assert re.fullmatch(form, compiled.generate(os.urandom))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[N*19]", "63.1 random bits"),
        ("[A*13]", "61.1 random bits"),
        ("[AN*12]", "62.0 random bits"),
        ("ABC", "0.0 random bits"),
        ("", "0.0 random bits"),
        ("[N*51]", "51 characters"),
        ("x" * 31 + "[N*20]", "51 characters"),
        ("[X*20]", "Character 1 "),
        ("[n*20]", "Character 1 "),
        ("[N*0][N*20]", "Character 1 "),
        ("[N*020]", "Character 1 "),
        ("[N*100]", "Character 1 "),
        ("[N20]", "Character 1 "),
        ("[N*20", "Character 1 "),
        ("[N*20]]", "Character 7 "),
        ("[N*20] ", "Character 7 "),
        ("[N*20]\n", "Character 7 "),
        ("T [N*20]", "Character 2 "),
        ("é[N*20]", "Character 1 "),
        ("[N*\u0662\u0660]", "Character 1 "),
        ("#[N*20]", "Character 1 "),
    ],
)
def test_a_bad_pattern_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(BadPattern, match=re.escape(reason)):
        number_pattern(pattern)


def test_the_least_of_each_kind_that_cannot_be_guessed() -> None:
    assert [number_pattern(pattern).random_bits >= 64 for pattern in ("[N*20]", "[A*14]", "[AN*13]")] == [True] * 3


def test_a_pattern_is_compiled_once() -> None:
    assert number_pattern("K[AN*14]") is number_pattern("K[AN*14]")


@pytest.mark.parametrize(("pattern", "symbols"), [("[N*50]", 10), ("[A*50]", 26), ("[AN*50]", 36)])
def test_every_symbol_is_as_likely_as_the_other(pattern: str, symbols: int) -> None:
    """Given each byte equally often, each symbol comes up equally often: no symbol has a byte more than another."""
    every_byte = cycle(range(256))
    taken: list[int] = []

    def random(count: int) -> bytes:
        taken.extend(drawn := [next(every_byte) for _ in range(count)])
        return bytes(drawn)

    fair = 256 // symbols * symbols
    compiled = number_pattern(pattern)
    alphabet = next(part for part in compiled._parts if not isinstance(part, str)).alphabet
    counts = Counter(alphabet.symbols(bytes(range(256))))
    assert set(counts.values()) == {256 // symbols}
    assert len(counts) == symbols
    assert len(alphabet.symbols(bytes(range(fair, 256)))) == 0
    assert len(compiled.generate(random)) == 50


def test_what_a_number_is_follows_from_its_randomness_alone() -> None:
    compiled = number_pattern("T[N*12][A*6]")
    assert compiled.generate(lambda count: bytes(range(count))) == "T012345678901TUVWXY"
    assert compiled.generate(lambda count: bytes(count)) == "T000000000000AAAAAA"


def test_unfair_bytes_are_left_out_and_more_are_drawn() -> None:
    """A source that gives nothing but bytes left out, and then fair ones: the number is of the fair ones alone."""
    draws: list[int] = []

    def random(count: int) -> bytes:
        draws.append(count)
        return b"\xff" * count if len(draws) < 4 else bytes([7]) * count

    assert number_pattern("[N*20]").generate(random) == "7" * 20
    assert len(draws) == 4


def test_each_part_has_randomness_of_its_own() -> None:
    drawn: list[int] = []

    def random(count: int) -> bytes:
        drawn.append(count)
        return bytes(index % 200 for index in range(count))

    number = number_pattern("[N*20]x[N*20]").generate(random)
    first, second = number.split("x")
    assert first != second
    assert len(drawn) == 1


def test_numbers_do_not_repeat() -> None:
    compiled = number_pattern("C[AN*13]")
    assert len({compiled.generate(os.urandom) for _ in range(5000)}) == 5000
