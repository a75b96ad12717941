"""Chance that can be had again: a stream of bytes that follows from a secret seed."""

import hashlib
from functools import cache
from uuid import UUID

from msgspec import convert

_BLOCK = 2 * 136  # twice what SHAKE-256 squeezes out at once: enough for an order of two wallets
_VERSION_AND_VARIANT = (0xF000 << 64) | (0xC000 << 48)
_VERSION_4_RFC_VARIANT = (0x4000 << 64) | (0x8000 << 48)


class RandomStream:
    """Bytes of SHAKE-256 (FIPS 202) over the seed and a block's number: without end, and cheap to begin.

    A job that is tried again from the same seed makes the same numbers. The seed must be secret and of one job alone
    (the caller keys it): who knows it can make the tickets.
    """

    __slots__ = ("_block", "_left", "_seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) < 32:
            raise ValueError("a seed needs 32 bytes at least")
        self._seed = seed
        self._block = 0
        self._left = b""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        left = self._left
        while len(left) < count:
            left += hashlib.shake_256(self._block.to_bytes(8, "big") + self._seed).digest(_BLOCK)
            self._block += 1
        self._left = left[count:]
        return left[:count]

    def uuids(self, count: int) -> list[UUID]:
        """Random UUIDs, of version 4."""
        number = int.from_bytes(self.take(16 * count), "big")
        ones = _one_in_each(count)
        number = (number & ~(_VERSION_AND_VARIANT * ones)) | _VERSION_4_RFC_VARIANT * ones
        octets = number.to_bytes(16 * count, "big")
        # UUID() itself takes twice as long.
        return [convert(octets[start : start + 16], UUID) for start in range(0, 16 * count, 16)]


@cache
def _one_in_each(count: int) -> int:
    """The number 1 in each of so many groups of 128 bits."""
    return sum(1 << 128 * group for group in range(count))
