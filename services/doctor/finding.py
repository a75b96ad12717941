"""What an examination finds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True, omit_defaults=True):
    """One check: its name, how it stands, and what was seen, in a line. `advice`: what to do, unless all is well."""

    check: str
    state: State
    finding: str
    advice: str | None = None


def ok(check: str, finding: str) -> Finding:
    return Finding(check, "ok", finding)


def warn(check: str, finding: str, advice: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(check, "warn", finding, advice)


def fail(check: str, finding: str, advice: str) -> Finding:
    """It does not work, or will lose something."""
    return Finding(check, "fail", finding, advice)


def graded(check: str, amount: int, finding: str, advice: str, *, fail_below: int, warn_below: int) -> Finding:
    """By an amount of which more is better."""
    if amount < fail_below:
        return fail(check, finding, advice)
    return warn(check, finding, advice) if amount < warn_below else ok(check, finding)
