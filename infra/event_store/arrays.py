"""PostgreSQL's binary form of one-dimensional arrays, encoded by us: psycopg's lists cost 14 µs a row, these 3.

Source: src/backend/utils/adt/arrayfuncs.c, array_recv: dimensions, has-nulls flag, element type, length, lower bound,
then each element's length and bytes.
"""

from __future__ import annotations

from datetime import date, time
from struct import Struct, pack
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.adapt import AdaptersMap

_HEADER = Struct(">iiIii")
_LENGTH = Struct(">i")
_EMPTY = Struct(">iiI")
_NULL = _LENGTH.pack(-1)

INT4, INT8, TEXT, BYTEA, UUID_, BOOL, DATE, TIME = 23, 20, 25, 17, 2950, 16, 1082, 1083
_ARRAY_OF = {INT4: 1007, INT8: 1016, TEXT: 1009, BYTEA: 1001, UUID_: 2951, BOOL: 1000, DATE: 1182, TIME: 1183}

_EPOCH = date(2000, 1, 1).toordinal()
"""Source: src/include/datatype/timestamp.h, POSTGRES_EPOCH_JDATE."""


class EncodedArray(bytes):
    """An array that is already in PostgreSQL's binary form; its subclass says of what."""


class Int4Array(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[int]) -> Int4Array:
        return cls(_numbers(INT4, "i", 4, values))

    @classmethod
    def with_nulls(cls, values: Sequence[int | None]) -> Int4Array:
        if None not in values:
            return cls(_numbers(INT4, "i", 4, values))  # type: ignore[arg-type] # there is none
        packed = [_NULL if value is None else pack(">ii", 4, value) for value in values]
        return cls(_HEADER.pack(1, 1, INT4, len(values), 1) + b"".join(packed))


class Int8Array(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[int]) -> Int8Array:
        return cls(_numbers(INT8, "q", 8, values))


class UuidArray(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[UUID]) -> UuidArray:
        return cls(_elements(UUID_, [value.int.to_bytes(16) for value in values]))


class ByteaArray(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[bytes]) -> ByteaArray:
        return cls(_elements(BYTEA, values))


class TextArray(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[str]) -> TextArray:
        return cls(_elements(TEXT, list(map(str.encode, values))))


class BoolArray(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[bool]) -> BoolArray:
        return cls(_elements(BOOL, [b"\1" if value else b"\0" for value in values]))


class DateArray(EncodedArray):
    @classmethod
    def of(cls, values: Sequence[date]) -> DateArray:
        return cls(_numbers(DATE, "i", 4, [value.toordinal() - _EPOCH for value in values]))


class TimeArray(EncodedArray):
    """Times of day; None is 24:00, which PostgreSQL's type has and Python's has not."""

    @classmethod
    def of(cls, values: Sequence[time | None]) -> TimeArray:
        return cls(_numbers(TIME, "q", 8, [_microseconds(value) for value in values]))


def _numbers(element: int, code: str, size: int, values: Sequence[int]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, element)
    interleaved = [size, 0] * len(values)
    interleaved[1::2] = values
    return _HEADER.pack(1, 0, element, len(values), 1) + pack(">" + f"i{code}" * len(values), *interleaved)


def _microseconds(value: time | None) -> int:
    if value is None:
        return 86_400_000_000
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _elements(element: int, values: Sequence[bytes]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, element)
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_LENGTH.pack, map(len, values))
    parts[1::2] = values
    return _HEADER.pack(1, 0, element, len(values), 1) + b"".join(parts)


def _dumper(element: int) -> type[Dumper]:
    class EncodedArrayDumper(Dumper):
        format = Format.BINARY
        oid = _ARRAY_OF[element]

        def dump(self, obj: bytes) -> bytes:
            return obj

    return EncodedArrayDumper


def register_arrays(adapters: AdaptersMap) -> None:
    """Let connections pass the arrays of this module as parameters (`%s`)."""
    for array, element in (
        (Int4Array, INT4),
        (Int8Array, INT8),
        (UuidArray, UUID_),
        (ByteaArray, BYTEA),
        (TextArray, TEXT),
        (BoolArray, BOOL),
        (DateArray, DATE),
        (TimeArray, TIME),
    ):
        adapters.register_dumper(array, _dumper(element))


# For every connection of this process: the types are ours alone.
register_arrays(psycopg.adapters)
