"""The pace of an endpoint that fails."""

from __future__ import annotations

import pytest

from services.webhooks.lane import PACE_SECONDS, PACED_AFTER, Lane


def failing(times: int) -> Lane:
    lane = Lane()
    for _ in range(times):
        lane.answered(well=False)
    return lane


def test_some_failures_change_nothing() -> None:
    lane = failing(PACED_AFTER - 1)
    assert [lane.pause_before_next(100.0) for _ in range(3)] == [0, 0, 0]


def test_an_endpoint_that_keeps_failing_is_paced() -> None:
    lane = failing(PACED_AFTER)
    assert [lane.pause_before_next(100.0) for _ in range(3)] == pytest.approx([0, PACE_SECONDS, 2 * PACE_SECONDS])
    assert lane.pause_before_next(200.0) == 0


def test_one_good_answer_ends_the_pace() -> None:
    lane = failing(PACED_AFTER)
    lane.answered(well=True)
    assert [lane.pause_before_next(100.0) for _ in range(3)] == [0, 0, 0]
