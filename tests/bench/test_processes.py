"""The processes of the bench, against each other."""

import http.client
from pathlib import Path

import msgspec
import pytest

from tests.bench.announced import Receiver, moments_of
from tests.bench.processes import ProcessFailed, Server, run_load

CREATED = {"201"}
ORDERS = ["9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8", "1c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8"]


def test_a_closed_loop_is_answered_whole_by_the_bare_server(tmp_path: Path) -> None:
    with Server("tests.bench.bare", log=tmp_path / "log") as bare:
        result = run_load(
            "create", "--port", str(bare.port), "--connections", "4", "--seconds", "0.3", expected=CREATED
        )
        assert bare.cpu_seconds() > 0
    assert result.sent == result.all_status["201"] >= result.answers > 0
    assert 0 < result.p50_ms <= result.p99_ms <= result.max_ms
    assert result.per_second == pytest.approx(result.answers / result.seconds, rel=0.01)


def test_an_open_loop_sends_at_its_rate(tmp_path: Path) -> None:
    with Server("tests.bench.bare", log=tmp_path / "log") as bare:
        pace = ("--rate", "100", "--warm-up", "0", "--seconds", "0.5")
        result = run_load("create", "--port", str(bare.port), *pace, expected=CREATED)
    assert result.sent == pytest.approx(50, abs=5)


def test_orders_are_read_by_the_ids_of_a_file(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text("".join(f"{order} 1\n" for order in ORDERS))
    with Server("tests.bench.bare", log=tmp_path / "log") as bare:
        length = ("--warm-up", "0", "--seconds", "0.2")
        result = run_load("get", "--port", str(bare.port), "--ids", str(ids), *length, expected={"200"})
    assert set(result.all_status) == {"200"}


def test_answers_that_nobody_expects_are_a_failure(tmp_path: Path) -> None:
    length = ("--warm-up", "0", "--seconds", "0.2")
    with (
        Server("tests.bench.bare", log=tmp_path / "log") as bare,
        pytest.raises(ProcessFailed, match="other answers"),
    ):
        run_load("create", "--port", str(bare.port), *length, expected={"201", "409"})


def test_the_receiver_notes_the_first_arrival_of_each_order(tmp_path: Path) -> None:
    out = tmp_path / "arrivals"
    with Server("tests.bench.receiver", "--out", str(out), log=tmp_path / "log") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for order in (ORDERS[0], ORDERS[1], ORDERS[0]):
            body = msgspec.json.encode({"value": [{"payload": {"orderId": order}}]})
            connection.request("POST", "/webhook", body)
            assert connection.getresponse().read() == b""
        connection.close()
        receiver = Receiver(server)
        assert receiver.orders() == 2
        arrivals = receiver.arrivals()
    assert list(arrivals) == ORDERS
    assert arrivals[ORDERS[0]] < arrivals[ORDERS[1]]
    assert moments_of(out.read_text()) == arrivals
    assert [line.split()[2] for line in out.read_text().splitlines()] == ["2", "1"]


def test_a_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(ProcessFailed, match="unrecognized arguments"),
        Server("tests.bench.bare", "--nonsense", log=tmp_path / "log"),
    ):
        pass
