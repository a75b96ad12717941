"""Number patterns of the catalog: what a ticket's or coupon's number looks like, and numbers made after it.

`[N*n]` stands for n digits, `[A*n]` for n letters of A-Z, `[AN*n]` for n of both; anything else stands for itself.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from math import log2, prod
from typing import Final, NamedTuple, TypeAlias

MOST_CHARACTERS: Final = 50
FEWEST_RANDOM_BITS: Final = 64

RandomBytes: TypeAlias = Callable[[int], bytes]
"""Gives so many random bytes, from a cryptographic source: whoever guesses a number has a ticket."""

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_PART: Final = re.compile(r"\[(?P<kind>N|A|AN)\*(?P<count>[1-9][0-9]?)\]|(?P<literal>[A-Za-z0-9._-]+)")


class BadPattern(ValueError):
    """The pattern cannot be used; the message says why, in a sentence for the operator."""


class _Alphabet:
    """Symbols, each as likely as the other.

    A byte is mapped to a symbol by a table. Bytes beyond the last whole multiple of the number of symbols are left out:
    with them, the first symbols would come up more often.
    """

    def __init__(self, symbols: str) -> None:
        fair = 256 - 256 % len(symbols)
        self.size = len(symbols)
        self._table = bytes(ord(symbols[byte % len(symbols)]) for byte in range(256))
        self._unfair = bytes(range(fair, 256))

    def symbols(self, randomness: bytes) -> bytes:
        """As many symbols as there are fair bytes, in ASCII."""
        return randomness.translate(self._table, self._unfair)


_ALPHABETS: Final = {"N": _Alphabet(_DIGITS), "A": _Alphabet(_LETTERS), "AN": _Alphabet(_DIGITS + _LETTERS)}


class _RandomPart(NamedTuple):
    """`draw` bytes nearly always hold `length` fair ones: one byte in 12 is left out at worst."""

    alphabet: _Alphabet
    length: int
    draw: int

    def text(self, random: RandomBytes, drawn: bytes) -> str:
        symbols = self.alphabet.symbols(drawn)
        while len(symbols) < self.length:
            symbols += self.alphabet.symbols(random(self.draw))
        return symbols[: self.length].decode("ascii")


class NumberPattern:
    """A pattern, ready to make numbers. Made by `number_pattern`."""

    def __init__(self, parts: list[str | _RandomPart]) -> None:
        self._parts = parts
        random_parts = [part for part in parts if not isinstance(part, str)]
        self._draw = sum(part.draw for part in random_parts)
        self.length = sum(len(part) if isinstance(part, str) else part.length for part in parts)
        """How many characters each number has."""
        self.possibilities = prod(part.alphabet.size**part.length for part in random_parts)
        """How many different numbers there are, each as likely as the other."""

    @property
    def random_bits(self) -> float:
        return log2(self.possibilities)

    def generate(self, random: RandomBytes) -> str:
        """A number, from the randomness alone: the same bytes give the same number."""
        drawn = random(self._draw)
        text = ""
        start = 0
        for part in self._parts:
            if isinstance(part, str):
                text += part
            else:
                text += part.text(random, drawn[start : start + part.draw])
                start += part.draw
        return text


@lru_cache(maxsize=1024)
def number_pattern(pattern: str) -> NumberPattern:
    """The pattern, compiled once. Raises BadPattern, also for numbers that are too long or could be guessed."""
    parts: list[str | _RandomPart] = []
    end = 0
    while end < len(pattern):
        part = _PART.match(pattern, end)
        if part is None:
            raise BadPattern(
                f"Character {end + 1} is neither the start of [N*n], [A*n] or [AN*n] nor one of A-Z a-z 0-9 . _ -"
            )
        end = part.end()
        literal = part["literal"]
        parts.append(literal if literal is not None else _random_part(_ALPHABETS[part["kind"]], int(part["count"])))
    compiled = NumberPattern(parts)
    if compiled.length > MOST_CHARACTERS:
        raise BadPattern(f"A number would have {compiled.length} characters; at most {MOST_CHARACTERS} are possible.")
    if compiled.possibilities < 1 << FEWEST_RANDOM_BITS:
        raise BadPattern(
            f"A number would have {compiled.random_bits:.1f} random bits; at least {FEWEST_RANDOM_BITS} are needed, "
            "or it could be guessed. A digit gives 3.3, a letter 4.7, one of both 5.1."
        )
    return compiled


def _random_part(alphabet: _Alphabet, length: int) -> _RandomPart:
    return _RandomPart(alphabet, length, draw=length + length // 4 + 4)
