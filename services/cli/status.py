"""`status`: how the service stands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from projections.orders import OrdersInFlight
from services.bootstrap import now, store
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import run, settings_of_service_or_exit
from services.status import Status, StatusReport

if TYPE_CHECKING:
    from services.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what GET /admin/status answers.")
def command(*, as_json: bool) -> None:
    """Show the lag of each consumer, orders in flight, dead deliveries and parked events."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    status = run(partial(_read, settings))
    if as_json:
        say_json(status)
    else:
        _show(status)


async def _read(settings: Settings) -> Status:
    async with store(settings, migrates=False) as opened:
        return await StatusReport(opened.reads, OrdersInFlight(opened.reads), now=now).read()


def _show(status: Status) -> None:
    consumers = Table("consumer of the log", box=None, pad_edge=False)
    for column in ("position", "head", "lag"):
        consumers.add_column(column, justify="right")
    consumers.add_column("state", overflow="fold")
    for one in status.consumers:
        state = (
            f"[red]halted: {escape(one.halted)}[/]" if one.halted is not None else "behind" if one.lag else "caught up"
        )
        consumers.add_row(one.name, str(one.position), str(one.head), str(one.lag), state)
    figures = Table.grid(padding=(0, 2))
    in_flight = sum(status.in_flight.values())
    by_status = ", ".join(f"{name} {count}" for name, count in status.in_flight.items())
    figures.add_row("orders in flight", f"{in_flight} ({by_status})")
    if in_flight:
        figures.add_row("the oldest was submitted", f"{status.oldest_in_flight_seconds:.1f} s ago")
    for name, count in (
        ("dead webhook deliveries", status.dead_deliveries),
        ("parked events", status.parked_events),
        ("dead letters", status.dead_letters),
    ):
        figures.add_row(name, f"[red]{count}[/]" if count else "0")
    console = screen()
    console.print(consumers)
    console.print()
    console.print(figures)
