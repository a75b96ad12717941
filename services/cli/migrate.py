"""`migrate`: brings the schema up to date."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from infra.postgres.migrate import migrate
from services.bootstrap import database
from services.cli.output import log_warnings_only, say_json
from services.cli.running import run, settings_or_exit

if TYPE_CHECKING:
    from services.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help='Print {"applied": [names]}.')
def command(*, as_json: bool) -> None:
    """Bring the schema up to date; says which migrations that took."""
    settings = settings_or_exit()
    log_warnings_only(settings)
    applied = run(partial(_migrate, settings))
    if as_json:
        say_json({"applied": applied})
        return
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("nothing to apply: the schema is up to date")


async def _migrate(settings: Settings) -> list[str]:
    async with database(settings) as opened:
        return await migrate(opened.dsn)
