"""Arrays in PostgreSQL's binary form: the server reads from them what was put in."""

from __future__ import annotations

from datetime import date, time
from uuid import UUID

import pytest

from infra.event_store.arrays import (
    BoolArray,
    ByteaArray,
    DateArray,
    EncodedArray,
    Int4Array,
    Int8Array,
    TextArray,
    TimeArray,
    UuidArray,
)
from infra.postgres.connections import Connection

from .saving import value

SOME_ID = UUID("01917f4b-7f4b-7a3c-9d2e-0123456789ab")
MOMENTS = [time(0), time(10, 30), time(23, 59, 59, 999_999)]


@pytest.mark.parametrize(
    ("array", "kind", "text"),
    [
        pytest.param(Int4Array.of([1, -(2**31), 2**31 - 1]), "integer[]", "{1,-2147483648,2147483647}", id="int4"),
        pytest.param(Int4Array.with_nulls([1, None, -3]), "integer[]", "{1,NULL,-3}", id="int4 with nulls"),
        pytest.param(Int4Array.with_nulls([None]), "integer[]", "{NULL}", id="null alone"),
        pytest.param(Int4Array.with_nulls([1, 2]), "integer[]", "{1,2}", id="int4 without nulls"),
        pytest.param(Int8Array.of([2**63 - 1, -1]), "bigint[]", "{9223372036854775807,-1}", id="int8"),
        pytest.param(UuidArray.of([SOME_ID, SOME_ID]), "uuid[]", f"{{{SOME_ID},{SOME_ID}}}", id="uuid"),
        pytest.param(TextArray.of(["", "ø", "NULL"]), "text[]", '{"",ø,"NULL"}', id="text"),
        pytest.param(ByteaArray.of([b"", b"\0\xff"]), "bytea[]", r'{"\\x","\\x00ff"}', id="bytea"),
        pytest.param(BoolArray.of([True, False]), "boolean[]", "{t,f}", id="bool"),
        pytest.param(
            DateArray.of([date(2000, 1, 1), date(1999, 12, 31), date(1, 1, 1), date(9999, 12, 31)]),
            "date[]",
            "{2000-01-01,1999-12-31,0001-01-01,9999-12-31}",
            id="date",
        ),
        pytest.param(
            TimeArray.of([*MOMENTS, None]),
            "time without time zone[]",
            "{00:00:00,10:30:00,23:59:59.999999,24:00:00}",
            id="time",
        ),
    ],
)
async def test_the_server_reads_what_was_put_in(
    connection: Connection, array: EncodedArray, kind: str, text: str
) -> None:
    assert await value(connection, "select pg_typeof(%s)::text", array) == kind
    assert await value(connection, "select %s::text", array) == text


async def test_nothing_is_an_empty_array(connection: Connection) -> None:
    kinds = (Int4Array, Int8Array, UuidArray, TextArray, ByteaArray, BoolArray, DateArray, TimeArray)
    for empty in (*(kind.of([]) for kind in kinds), Int4Array.with_nulls([])):
        assert await value(connection, "select cardinality(%s)", empty) == 0
