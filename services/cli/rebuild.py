"""`rebuild`: rebuilds a read model beside the live one, then swaps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from projections.beside import RebuildRuns
from projections.rebuild import Rebuilt, SwapFailed, rebuild
from services.bootstrap import store
from services.cli.output import log_warnings_only, say_json
from services.cli.progress import progress_of_events
from services.cli.running import fail, run, settings_of_service_or_exit

if TYPE_CHECKING:
    from services.settings import Settings

PROJECTIONS = ("orders",)


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
    with progress_of_events(projection) as progress:
        async with store(settings, migrates=False) as opened:
            connect = opened.connect("rebuild", transaction_timeout=None)
            return await rebuild(opened.recorder, opened.mapper, connect, progress)
