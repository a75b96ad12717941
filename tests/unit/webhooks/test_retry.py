"""Known answers of the retry policy."""

from __future__ import annotations

import pytest

from services.webhooks.retry import CONTRACT_WAITS, Dead, Delivered, Gone, Retry, Verdict, parse_waits, verdict

MIDDLE = 0.5  # the chance that leaves a wait as it is


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert verdict(1, status, CONTRACT_WAITS, MIDDLE) == Delivered()


@pytest.mark.parametrize("status", [None, 100, 301, 302, 307, 400, 404, 408, 429, 500, 503])
def test_anything_else_is_tried_again(status: int | None) -> None:
    assert verdict(1, status, CONTRACT_WAITS, MIDDLE) == Retry(5)


@pytest.mark.parametrize(
    ("tried", "follows"),
    [
        (1, Retry(5)),
        (2, Retry(5 * 60)),
        (3, Retry(30 * 60)),
        (4, Retry(2 * 3600)),
        (5, Retry(5 * 3600)),
        (6, Retry(10 * 3600)),
        (7, Retry(14 * 3600)),
        (8, Retry(20 * 3600)),
        (9, Retry(24 * 3600)),
        (10, Dead()),
        (11, Dead()),
    ],
)
def test_the_contracts_schedule(tried: int, follows: Verdict) -> None:
    assert verdict(tried, 500, CONTRACT_WAITS, MIDDLE) == follows


@pytest.mark.parametrize("tried", [1, 10])
def test_410_ends_the_subscription(tried: int) -> None:
    assert verdict(tried, 410, CONTRACT_WAITS, MIDDLE) == Gone()


def test_jitter_stretches_or_shortens_by_a_tenth() -> None:
    assert verdict(1, 500, [100], 0.0) == Retry(90)
    assert verdict(1, 500, [100], 0.25) == Retry(95)
    nearly_one = verdict(1, 500, [100], 1 - 2**-53)
    assert isinstance(nearly_one, Retry)
    assert nearly_one.after_seconds == pytest.approx(110)


def test_no_waits_means_one_attempt() -> None:
    assert verdict(1, 500, (), MIDDLE) == Dead()


def test_waits_are_read_from_a_setting() -> None:
    assert parse_waits("5, 300,1800") == (5, 300, 1800)
    assert parse_waits("0.25, 0") == (0.25, 0)


@pytest.mark.parametrize("text", ["", "5,", "a", "5;6", "-1", "nan", "inf", "2592001"])
def test_a_bad_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_waits(text)
