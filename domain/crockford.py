"""Numbers that people read aloud and type: Crockford's base32, with a check symbol of the same 32.

Source of the alphabet: https://www.crockford.com/base32.html. Its own check symbol (modulo 37) needs five symbols more,
so another is used: a sum over GF(32) in which each place has a weight of its own, a power of a primitive element. It
finds every single wrong symbol and every swap of two symbols, neighbours or not, in texts of up to 31 symbols; what
is garbled otherwise passes once in 32 times.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
# Of a random byte five bits count: 256 is a multiple of 32, so each symbol is as likely as the other.
_SYMBOL_OF_BYTE = (ALPHABET * 8).encode()
# Times the primitive element x of GF(32) = GF(2)[x] / (x⁵ + x² + 1), by any byte with the element in its low five bits.
_TIMES_X = bytes((value << 1) ^ (0b100101 if value & 0b10000 else 0) for value in range(32)) * 8
_AS_HEARD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def checked_symbols(random: bytes) -> str:
    """A random symbol for each byte, and their check symbol."""
    check = 0
    for byte in random:
        check = _TIMES_X[check ^ byte]
    return random.translate(_SYMBOL_OF_BYTE).decode("ascii") + ALPHABET[check]


def as_heard(text: str) -> str:
    """The symbols that a person meant: upper case, O as 0, I and L as 1, without hyphens and spaces."""
    return text.upper().translate(_AS_HEARD)


def check_holds(symbols: str) -> bool:
    """Whether the last symbol is the check symbol of those before it; False for what has other symbols too."""
    check = 0
    values = [_VALUES.get(symbol) for symbol in symbols]
    for value in values[:-1]:
        if value is None:
            return False
        check = _TIMES_X[check ^ value]
    return bool(values) and check == values[-1]
