"""The servers of the bench that have a database: the stock answer, and a venue with a past."""

import http.client
import random
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from urllib.parse import urlencode

import pytest

from tests.bench.history import write_past
from tests.bench.pages import LISTS, Browsed, Browser
from tests.bench.prepared import create_order_body
from tests.bench.processes import ProcessFailed, Server, run_load
from tests.bench.venue import Venue, running_venue

PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
ORDERS = 300


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: its path is too long for PostgreSQL's socket, and closed to the user that runs it for root."""
    folder = Path(mkdtemp(prefix="bench-"))
    yield folder
    rmtree(folder)


def test_the_stock_answer_takes_an_order_and_refuses_its_reference_a_second_time(folder: Path) -> None:
    with Server("tests.bench.stock", "--data", str(folder / "data"), log=folder / "log") as stock:
        connection = http.client.HTTPConnection("127.0.0.1", stock.port, timeout=10)
        statuses = []
        for reference in ("ONE", "TWO", "ONE"):
            connection.request("POST", "/channelManager", create_order_body(PARTNER, reference))
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
    assert statuses == [201, 201, 409]


def test_a_past_is_in_the_log_and_in_the_lists_as_if_the_service_had_written_it(folder: Path) -> None:
    with running_venue(folder / "service", "api", "projector") as venue:
        past = write_past(venue, ORDERS)
        head = venue.wait_until_projected(30)
        counts = {status: len(listed(venue, status)) for status in ("Issued", "Draft", "Error", "Submitted,Processing")}
        names = {order["sellToName"] for order in listed(venue, "Issued")}
        read = run_load(
            *("get", *venue.load_arguments, "--ids", past.ids_file, "--seconds", "0.2", "--warm-up", "0"),
            expected={"200"},
        )
        costs = venue.cpu_seconds()
        with Browser(Browsed(venue, past, head, ORDERS)) as browser:
            pages = {wanted.name: wanted for wanted in LISTS}
            assert browser.milliseconds(pages["receivedAt, a window anywhere"], random.Random(1)) > 0
            assert browser.milliseconds(pages["replication from anywhere"], random.Random(1)) > 0
            assert browser.milliseconds(pages["one order by its reference"], random.Random(1)) > 0
            with pytest.raises(ProcessFailed, match="6 rows, not 100"):
                browser.milliseconds(pages["status Error, 2 % of all"], random.Random(1))
    assert counts == {"Issued": 285, "Draft": 6, "Error": 6, "Submitted,Processing": 0}
    assert names == {"Jane Doe"}
    assert len(Path(past.ids_file).read_text().split()) == ORDERS - 3  # three were removed
    assert read.answers > 0
    assert set(costs) == {"api", "projector", "PostgreSQL"}
    assert min(costs.values()) > 0


def listed(venue: Venue, status: str) -> list[dict[str, object]]:
    query = urlencode({"status": status, "pageSize": 1000})
    found: list[dict[str, object]] = venue.ask("GET", f"/channelManager/orders/{venue.partner_id}?{query}")["data"]
    return found
