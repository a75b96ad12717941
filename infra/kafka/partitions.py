"""In which partition of the topic an order is: the rule of Kafka's own clients, murmur2 of the key."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` in a topic of so many; the same for every client with the default rule."""
    return _hash(key) % partitions


# An order's events come close together, and the hash is Python code: 5 µs for an order's key.
@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF
