"""Looks settings up and parses them; every fault names the setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")


class SettingError(Exception):
    """A setting is wrong; the message names it, and says what it should be."""


class SettingSource:
    """Where settings are looked up by name; an empty one counts as unset. All but `text` raise SettingError."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        return self._values.get(name) or None

    def parsed(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T | None:
        """`parse` raises ValueError with what it should be."""
        text = self.text(name) or default
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise SettingError(f"{name}: {error}") from error

    def number(self, name: str, default: str) -> float:
        return cast("float", self.parsed(name, _not_negative, default))

    def count(self, name: str, default: str) -> int:
        return cast("int", self.parsed(name, at_least_one, default))

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`, in any case."""

        def parse(text: str) -> str:
            for choice in choices:
                if text.lower() == choice.lower():
                    return choice
            raise ValueError(f"one of {', '.join(choices)}")

        return cast("str", self.parsed(name, parse, default))


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise ValueError("a whole number, 1 or more")
    return int(text)


def existing_file(text: str) -> Path:
    """The absolute path of a file that is there."""
    path = Path(text).absolute()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError("a number, 0 or more")
    return number
