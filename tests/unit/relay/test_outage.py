"""An outage of Kafka in the log: its beginning, a line each half minute, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.relay.outage import AGAIN_SECONDS, Outage


class Clock:
    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


def _told(logs: list[Any]) -> list[tuple[str, int, float]]:
    told = [(one["event"], one["attempts"], one["seconds"]) for one in logs]
    logs.clear()
    return told


def test_an_outage_is_told_at_once_and_then_every_half_minute_with_its_attempts(logs: list[Any]) -> None:
    clock = Clock()
    outage = Outage(clock=clock)
    for _ in range(3_600):
        outage.failed("nobody answers")
        clock.seconds += 1.0
    assert {(one["log_level"], one["error"]) for one in logs} == {("warning", "nobody answers")}
    told = _told(logs)
    assert told[:3] == [
        ("relay_waits_for_kafka", 1, 0.0),
        ("relay_waits_for_kafka", 31, AGAIN_SECONDS),
        ("relay_waits_for_kafka", 61, 2 * AGAIN_SECONDS),
    ]
    assert len(told) == 120
    outage.over()
    outage.over()
    assert _told(logs) == [("relay_has_kafka_back", 3_600, 3_600.0)]


def test_the_next_outage_is_told_at_once_again(logs: list[Any]) -> None:
    clock = Clock()
    outage = Outage(clock=clock)
    outage.failed("gone")
    clock.seconds += 1.0
    outage.over()
    outage.failed("gone")
    assert _told(logs) == [
        ("relay_waits_for_kafka", 1, 0.0),
        ("relay_has_kafka_back", 1, 1.0),
        ("relay_waits_for_kafka", 1, 0.0),
    ]


def test_where_there_was_none_nothing_is_told(logs: list[Any]) -> None:
    Outage().over()
    assert logs == []
