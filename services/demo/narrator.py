"""How the walk-through is told: plain lines of at most eighty columns, with colours on a terminal."""

from __future__ import annotations

import re
import statistics
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

_COLUMNS = 80
_REQUEST_COLUMNS = 40
_CAME_COLUMNS = 24
_MS_COLUMNS = 8
_COLOURS = {
    "Submitted": "cyan",
    "Draft": "yellow",
    "Issued": "green",
    "Cancelled": "red",
    "removed": "red",
}
_COLOURED = re.compile("|".join(_COLOURS))


class Step(NamedTuple):
    """One that was told: what was sent, what came, and how long that took."""

    chapter: str
    request: str
    came: str
    milliseconds: float


class Narrator:
    """Prints the story. `steps`: those told so far."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapters: list[str] = []
        self.steps: list[Step] = []

    def title(self, title: str, introduction: str) -> None:
        self._print(Text(title, style="bold"))
        self._print(Text())
        self._print(Text(_wrapped(introduction)))

    def chapter(self, title: str) -> None:
        self._chapters.append(title)
        self._print(Text())
        self._print(Text(f"{len(self._chapters)}  {title}", style="bold blue"))

    def say(self, sentence: str) -> None:
        """Who does what, and why."""
        self._print(Text(_wrapped(sentence, indent=3)))

    def step(self, request: str, came: str, ms: float) -> None:
        """What was sent, what came, and how long that took."""
        self.steps.append(Step(self._chapters[-1], request, came, round(ms, 1)))
        line = Text().append(f"     {request:<{_REQUEST_COLUMNS}}", style="dim")
        line.append_text(_coloured(f"{came:<{_CAME_COLUMNS}}"))
        line.append(f"{ms:>{_MS_COLUMNS},.1f} ms", style="bold")
        self._print(line)

    def show(self, rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Details in columns; those numbered in `right` are aligned to the right."""
        kept = list(rows)
        widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
        for row in kept:
            cells = [
                f"{cell:>{width}}" if column in right else f"{cell:<{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self._print(_coloured(" " * 7 + "  ".join(cells).rstrip()))

    def durations(self, measured: Mapping[str, Sequence[float]]) -> None:
        """In milliseconds, each kind of step with how many there were, the fastest, the median and the slowest."""
        rows: list[tuple[str, ...]] = [("", "", "fastest", "median", "slowest")]
        for what, durations in measured.items():
            figures = (min(durations), statistics.median(durations), max(durations))
            rows.append((what, f"{len(durations)} x", *(f"{figure:,.1f} ms" for figure in figures)))
        self.show(rows, right=(1, 2, 3, 4))

    def close(self, sentence: str) -> None:
        self._print(Text())
        self._print(Text(_wrapped(sentence), style="bold green"))

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


def _wrapped(text: str, *, indent: int = 0) -> str:
    space = " " * indent
    return textwrap.fill(text, _COLUMNS, initial_indent=space, subsequent_indent=space, break_on_hyphens=False)


def _coloured(text: str) -> Text:
    """The states of an order in their colours."""
    line = Text(text)
    for found in _COLOURED.finditer(text):
        line.stylize(_COLOURS[found[0]], *found.span())
    return line
