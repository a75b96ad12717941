"""The parts of the bench that a wrong figure could come from."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from tests.bench.answers import UnreadableAnswer, order_id_of, read_answer
from tests.bench.hostile import MOST_BYTES, hostile_bodies
from tests.bench.latencies import NS_A_MS, Latencies, latencies_of
from tests.bench.machine import this_machine
from tests.bench.prepared import create_orders, get_orders
from tests.bench.table import Row, at_least, at_most, beyond, compared, plain, steady, write_json

PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
ORDER = b"9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8"


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_an_answer_is_as_long_as_its_head_and_the_length_it_names(name: bytes) -> None:
    answer = b"HTTP/1.1 409 Conflict\r\n" + name + b": 3\r\nETag: x\r\n\r\nabc"
    assert read_answer(answer) == (409, len(answer))


def test_an_answer_whose_head_is_not_whole_is_none_yet() -> None:
    assert read_answer(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n") is None


def test_a_length_in_the_body_is_not_the_answers_length() -> None:
    with pytest.raises(UnreadableAnswer):
        read_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\r\nContent-Length: 3\r\n")


def test_not_modified_has_no_body() -> None:
    answer = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
    assert read_answer(answer) == (304, len(answer))


@pytest.mark.parametrize("name", [b"Location", b"location"])
def test_the_order_id_is_the_end_of_the_location(name: bytes) -> None:
    head = b"HTTP/1.1 201 Created\r\n" + name + b": http://host/a/channelManager/" + ORDER
    assert order_id_of(head + b"\r\nContent-Length: 0\r\n\r\n") == ORDER


def test_an_answer_without_location_has_no_order_id() -> None:
    assert order_id_of(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\r\nLocation") == b""


def body_of(request: bytes) -> dict[str, object]:
    head, _, body = request.partition(b"\r\n\r\n")
    assert int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) == len(body)
    decoded: dict[str, object] = msgspec.json.decode(body)
    return decoded


def references(next_request: Callable[[], bytes], count: int) -> list[object]:
    return [body_of(next_request())["sellToOrderReference"] for _ in range(count)]


def test_every_prepared_order_has_its_own_reference() -> None:
    drawn = references(create_orders("h", "k", PARTNER, "00000001", 0.0, 1), 1000)
    assert len(set(drawn)) == 1000


def test_the_asked_share_of_prepared_orders_repeats_an_earlier_reference() -> None:
    drawn = references(create_orders("h", "k", PARTNER, "00000001", 0.05, 1), 4000)
    repeats = 4000 - len(set(drawn))
    assert 140 <= repeats <= 260  # 200 expected; the seed is fixed


def test_two_runs_share_no_reference() -> None:
    one, other = (references(create_orders("h", "k", PARTNER, run, 0.0, 1), 10) for run in ("0000000a", "0000000b"))
    assert not set(one) & set(other)


def test_every_order_is_asked_for_once_in_a_round() -> None:
    ids = [b"%036d" % number for number in range(5)]
    next_request = get_orders("h", "k", ids, 1)
    asked = [next_request().split(b" ")[1].removeprefix(b"/channelManager/") for _ in range(10)]
    assert sorted(asked[:5]) == sorted(asked[5:]) == ids


def test_percentiles_are_of_the_nearest_rank() -> None:
    durations = [number * NS_A_MS for number in range(100, 0, -1)]
    assert latencies_of(durations) == Latencies(p50_ms=50.0, p99_ms=99.0, max_ms=100.0)


def test_one_duration_is_every_percentile() -> None:
    assert latencies_of([2 * NS_A_MS]) == Latencies(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        (at_least("a", 1200, "/s", 1200), True),
        (at_least("a", 1199.9, "/s", 1200), False),
        (at_most("a", 20, "ms", 20), True),
        (at_most("a", 20.1, "ms", 20), False),
        (compared("a", 30, "/s", 100, at_least=0.3), True),
        (compared("a", 29, "/s", 100, at_least=0.3), False),
        (steady("a", 10, "ms", 9, at_most=10, ratio=1.2), True),
        (steady("a", 10.1, "ms", 9, at_most=10, ratio=1.2), False),
        (steady("a", 10, "ms", 8, at_most=10, ratio=1.2), False),
        (plain("a", 1, "ms"), None),
        (plain("a", 1, "ms", 2), None),
        (beyond("a", 1, "ms", "<= 0.5"), None),
    ],
)
def test_a_row_is_ok_where_its_target_is_met(row: Row, ok: bool | None) -> None:
    assert row.ok is ok
    assert (row.short is not UNSET) == (ok is False)


@pytest.mark.parametrize(
    ("row", "short"),
    [
        (at_least("a", 900, "/s", 1200), "25.0% short"),
        (at_most("a", 25, "ms", 20), "25.0% over"),
        (compared("a", 27, "/s", 100, at_least=0.3), "10.0% short"),
        (steady("a", 15, "ms", 10, at_most=10, ratio=1.2), "50.0% over, 25.0% over"),
    ],
)
def test_a_row_that_falls_short_says_by_how_much(row: Row, short: str) -> None:
    assert row.short == short


def test_of_several_runs_the_median_counts_and_both_ends_are_told() -> None:
    row = compared("a", [50, 10, 30], "/s", [100, 90, 300], at_least=0.3)
    assert (row.value, row.lowest, row.highest, row.baseline, row.ratio, row.ok) == (30, 10, 50, 100, 0.3, True)


def test_the_json_has_the_machine_and_every_member_of_a_row(tmp_path: Path) -> None:
    out = tmp_path / "build" / "bench.json"
    write_json([compared("createOrder", 3000, "orders/s", 10000, at_least=0.3)], this_machine(), out)
    document = msgspec.json.decode(out.read_bytes())
    assert document["rows"] == [
        {
            "name": "createOrder",
            "value": 3000,
            "unit": "orders/s",
            "baseline": 10000,
            "ratio": 0.3,
            "target": "ratio >= 0.3",
            "ok": True,
        }
    ]
    assert set(document["machine"]) == {"cpu", "cores", "memoryGib", "kernel", "python", "postgresql"}


def test_hostile_bodies_are_within_the_limit_but_for_the_one_that_is_not() -> None:
    too_large = [hostile.name for hostile in hostile_bodies(PARTNER) if len(hostile.body) > MOST_BYTES]
    assert too_large == ["1 MiB + 1"]
