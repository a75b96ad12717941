"""How a crash point is named in the setting that arms it, and that nothing happens where nothing is armed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.crash_points import CrashAt, CrashPoint, arm, during, parse_crash_at, reached


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm(None)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that this process would have sent to itself."""
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda _, number: sent.append(number))
    monkeypatch.setattr("os.write", lambda *_: None)
    return sent


def test_a_point_alone_is_its_first_time() -> None:
    assert parse_crash_at("append-unsent") == CrashAt(CrashPoint.APPEND_UNSENT, 1)
    assert parse_crash_at("job-issued:3") == CrashAt(CrashPoint.JOB_ISSUED, 3)


@pytest.mark.parametrize(
    "text", ["nowhere", "APPEND_UNSENT", "append-unsent:", "append-unsent:0", "append-unsent:x", ":1"]
)
def test_anything_else_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(ValueError, match="append-unsent, append-running"):
        parse_crash_at(text)


def test_nothing_dies_where_nothing_is_armed(killed: list[int]) -> None:
    for point in CrashPoint:
        reached(point)
        with during(point):
            pass
    assert killed == []


def test_it_dies_at_that_point_and_that_time(killed: list[int]) -> None:
    arm(CrashAt(CrashPoint.JOB_ISSUED, 2))
    reached(CrashPoint.JOB_ISSUED)
    reached(CrashPoint.OUTCOME_SAVED)
    assert killed == []
    reached(CrashPoint.JOB_ISSUED)
    assert killed == [9]


async def test_a_wait_that_ends_soon_is_lived_through(killed: list[int]) -> None:
    arm(CrashAt(CrashPoint.APPEND_RUNNING, 1))
    with during(CrashPoint.APPEND_RUNNING):
        pass
    assert killed == []
