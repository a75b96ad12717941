"""When the walk-through meets what its story does not tell."""

from __future__ import annotations


class Surprise(Exception):
    """What came is not what was expected; the message says both, and at which step."""

    def __init__(self, step: str, expected: object, came: object) -> None:
        super().__init__(f"{step}: expected {expected}, but got {came}")


def expect(step: str, expected: object, came: object) -> None:
    """Raises Surprise where they differ."""
    if came != expected:
        raise Surprise(step, expected, came)
