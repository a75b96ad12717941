"""`rebuild`: rebuilds a read model beside the live one, then swaps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from projections.beside import RebuildRuns
from projections.rebuild import Rebuilt, SwapFailed, rebuild
from services.bootstrap import store
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import fail, run, settings_of_service_or_exit

if TYPE_CHECKING:
    from services.settings import Settings

PROJECTIONS = ("orders",)
_PLAIN_STEPS = 10


@click.command()
@click.argument("projection", type=click.Choice(PROJECTIONS), default="orders")
@click.option("--json", "as_json", is_flag=True, help="Print the result as an object on the last line.")
def command(projection: str, *, as_json: bool) -> None:
    """Rebuild read models from the log beside the live ones, then swap. Readers and the service go on meanwhile."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    try:
        rebuilt = run(partial(_rebuild, settings, projection))
    except (RebuildRuns, SwapFailed) as refusal:
        fail(f"{projection}: {type(refusal).__doc__}")
    if as_json:
        say_json({"projection": projection, **rebuilt._asdict()})
    else:
        click.echo(f"{projection}: {rebuilt.events} events in {rebuilt.seconds:.2f} s, swapped")
    if rebuilt.parked:
        click.echo(f"channel-manager: {rebuilt.parked} events are parked: they could not be applied", err=True)


async def _rebuild(settings: Settings, projection: str) -> Rebuilt:
    with _progress(projection) as progress:
        async with store(settings, migrates=False) as opened:
            connect = opened.connect("rebuild", transaction_timeout=None)
            return await rebuild(opened.recorder, opened.mapper, connect, progress)


def _progress(projection: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """On standard error, so that the result stands alone on standard output: a bar on a terminal, else some lines."""
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
            projection,
        )
    return nullcontext(_Lines(projection))


class _Bar(AbstractContextManager[Callable[[int, int], None]]):
    def __init__(self, progress: Progress, projection: str) -> None:
        self._progress = progress
        self._task = progress.add_task(projection, total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        self._progress.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _show(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


class _Lines:
    """A line for each tenth of the way."""

    def __init__(self, projection: str) -> None:
        self._projection = projection
        self._told = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = done * _PLAIN_STEPS // total if total else 0
        if tenth > self._told:
            self._told = tenth
            click.echo(f"{self._projection}: {done} of {total} events", err=True)
