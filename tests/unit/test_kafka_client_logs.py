"""The client library's own lines, spared."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from infra import library_logs
from infra.kafka.client_logs import spare_client_logs


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the root's handlers are given of the library."""
    library, root, kept = logging.getLogger("aiokafka"), logging.getLogger(), _Kept()
    handlers, propagate = library.handlers[:], library.propagate
    monkeypatch.setattr(library_logs, "_SECONDS", 3600.0)
    library.handlers[:] = []
    root.addHandler(kept)
    spare_client_logs()
    spare_client_logs()
    yield kept.lines
    root.removeHandler(kept)
    library.handlers[:], library.propagate = handlers, propagate


def test_a_line_is_passed_on_once_for_all_its_values(lines: list[str]) -> None:
    for number in range(100):
        logging.getLogger("aiokafka.conn").warning("node %s is away", number)
    logging.getLogger("aiokafka.client").warning("node %s is away", 1)
    logging.getLogger("aiokafka.conn").error("another")
    assert lines == ["node 0 is away", "node 1 is away", "another"]


def test_later_it_says_how_many_were_left_out(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        logging.getLogger("aiokafka").warning("node %s is away", 1)
    monkeypatch.setattr(library_logs, "_SECONDS", 0.0)
    logging.getLogger("aiokafka").warning("node %s is away", 1)
    assert lines == ["node 1 is away", "node 1 is away (and 2 more like it)"]
