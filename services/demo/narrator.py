"""How the walk-through is told: plain lines of at most eighty columns, with colours on a terminal."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_COLUMNS = 80
_REQUEST_COLUMNS = 40
_CAME_COLUMNS = 26
_MS_COLUMNS = 8
_COLOURS = {
    "Submitted": "cyan",
    "Draft": "yellow",
    "Issued": "green",
    "Cancelled": "red",
    "removed": "red",
}


class Narrator:
    """Prints the story."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapters = 0
        self.steps = 0

    def title(self, title: str, introduction: str) -> None:
        self._print(Text(title, style="bold"))
        self._print(Text(introduction), above=True)

    def chapter(self, title: str) -> None:
        self._chapters += 1
        self._print(Text(f"{self._chapters}  {title}", style="bold"), above=True)

    def say(self, sentence: str) -> None:
        """Who does what, and why."""
        self._print(Padding(Text(sentence), (0, 0, 0, 3)))

    def step(self, request: str, came: str, ms: float) -> None:
        """What was sent, what came, and how long that took."""
        self.steps += 1
        line = Text(f"     {request:<{_REQUEST_COLUMNS}}", style="dim")
        line.append_text(self._coloured(f"{came:<{_CAME_COLUMNS}}"))
        line.append(f"{ms:>{_MS_COLUMNS},.1f} ms", style="bold")
        self._print(line)

    def show(self, rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Details in columns; those numbered in `right` are aligned to the right."""
        kept = [list(row) for row in rows]
        table = Table.grid(padding=(0, 2))
        for column in range(max(len(row) for row in kept)):
            table.add_column(justify="right" if column in right else "left", overflow="fold")
        for row in kept:
            table.add_row(*(self._coloured(cell) for cell in row))
        self._print(Padding(table, (0, 0, 0, 7), expand=False))

    def durations(self, measured: Mapping[str, Sequence[float]]) -> None:
        """In milliseconds, each kind of step with its fastest, median and slowest."""
        rows = [["", "fastest", "median", "slowest", ""]]
        for what, durations in measured.items():
            figures = (min(durations), statistics.median(durations), max(durations))
            rows.append([f"{what} ({len(durations)})", *(f"{figure:,.1f}" for figure in figures), "ms"])
        self.show(rows, right=(1, 2, 3))

    def close(self, sentence: str) -> None:
        self._print(Text(sentence, style="bold green"), above=True)

    def _coloured(self, text: str) -> Text:
        line = Text(text)
        for word, colour in _COLOURS.items():
            line.highlight_words([word], style=colour)
        return line

    def _print(self, what: Text | Padding, *, above: bool = False) -> None:
        if above:
            self._console.print()
        self._console.print(what, width=min(self._console.width, _COLUMNS))
