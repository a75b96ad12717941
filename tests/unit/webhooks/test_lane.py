"""The pace of an endpoint that fails."""

from __future__ import annotations

import pytest

from services.webhooks.lane import PACE_SECONDS, PACED_AFTER, QUICK_SECONDS, Lane


def failing(times: int) -> Lane:
    lane = Lane()
    for _ in range(times):
        lane.answered(well=False, seconds=0.001)
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
    lane.answered(well=True, seconds=0.001)
    assert [lane.pause_before_next(100.0) for _ in range(3)] == [0, 0, 0]


def test_quick_is_one_whose_last_answer_came_well_and_soon() -> None:
    lane = Lane()
    assert not lane.quick
    lane.answered(well=True, seconds=QUICK_SECONDS / 2)
    assert lane.quick
    lane.answered(well=True, seconds=QUICK_SECONDS * 2)
    assert not lane.quick
    lane.answered(well=True, seconds=QUICK_SECONDS / 2)
    lane.answered(well=False, seconds=QUICK_SECONDS / 2)
    assert not lane.quick
