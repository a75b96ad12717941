"""`status`: how the service stands."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from projections.directory import Directory
from projections.orders import OrdersInFlight
from services.bootstrap import now, store
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import run, settings_of_service_or_exit
from services.feeds import kafka_standing
from services.status import Figures, StatusReport

if TYPE_CHECKING:
    from services.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what GET /admin/status answers.")
def command(*, as_json: bool) -> None:
    """Show the lag of each consumer, orders in flight, dead deliveries and parked events."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    figures = run(partial(_read, settings))
    if as_json:
        say_json(figures.status)
    else:
        _show(figures)


async def _read(settings: Settings) -> Figures:
    async with store(settings, migrates=False) as opened:
        in_flight = OrdersInFlight(opened.reads, pickup=timedelta(seconds=settings.pickup_seconds))
        directory = Directory(opened.recorder, opened.mapper)
        await directory.refresh()
        kafka = kafka_standing(settings, at_once=True)
        return await StatusReport(opened.reads, in_flight, directory, now=now, kafka=kafka).read()


def _show(figures: Figures) -> None:
    consumers = Table("consumer of the log", box=None, pad_edge=False)
    for column in ("position", "head", "lag"):
        consumers.add_column(column, justify="right")
    consumers.add_column("state", overflow="fold")
    for one in figures.consumers:
        if one.halted is not None:
            state = f"[red]halted: {escape(one.halted)}[/]"
        else:
            state = f"{figures.lag_seconds[one.name]:.1f} s behind" if one.lag else "caught up"
        consumers.add_row(one.name, str(one.position), str(one.head), str(one.lag), state)
    rows = Table.grid(padding=(0, 2))
    in_flight = sum(figures.in_flight.values())
    by_status = ", ".join(f"{name} {count}" for name, count in figures.in_flight.items())
    rows.add_row("orders in flight", f"{in_flight} ({by_status})")
    if in_flight:
        rows.add_row("the oldest was submitted", f"{figures.oldest_in_flight_seconds:.1f} s ago")
        rows.add_row("waiting for pick-up since", f"{figures.oldest_due_seconds:.1f} s")
    if figures.drafts_overdue_seconds:
        rows.add_row("a Draft should have expired", f"{figures.drafts_overdue_seconds:.1f} s ago")
    rows.add_row("voids not acknowledged", str(figures.voids_waiting))
    rows.add_row("webhook deliveries pending", str(figures.deliveries.pending))
    for name, count in (
        ("dead webhook deliveries", figures.deliveries.dead),
        ("parked events", figures.parked_events),
        ("dead letters", figures.status.dead_letters),
    ):
        rows.add_row(name, f"[red]{count}[/]" if count else "0")
    console = screen()
    console.print(consumers)
    console.print()
    console.print(rows)
