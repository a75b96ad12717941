"""How far a long run over the log is: on standard error, so that the result stands alone on standard output."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.cli.output import screen

_PLAIN_STEPS = 10


def progress_of_events(name: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Told how many of how many events are done: a bar on a terminal, else some lines."""
    console = screen(stderr=True)
    if console.is_terminal:
        return _Bar(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TextColumn("events"),
                TimeRemainingColumn(),
                console=console,
            ),
            name,
        )
    return nullcontext(_Lines(name))


class _Bar(AbstractContextManager[Callable[[int, int], None]]):
    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        self._progress.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _show(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


class _Lines:
    """A line for each tenth of the way."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = done * _PLAIN_STEPS // total if total else 0
        if tenth > self._told:
            self._told = tenth
            click.echo(f"{self._name}: {done} of {total} events", err=True)
