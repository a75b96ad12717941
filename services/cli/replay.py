"""`replay`: folds the whole log, and proves from it what is kept beside it."""

from __future__ import annotations

import sys
from datetime import date, time
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import click
import psycopg
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from services.bootstrap import store
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.progress import progress_of_events
from services.cli.running import CANNOT_START, fail, run, settings_of_service_or_exit
from services.replay.fold import Unreadable
from services.replay.replay import KeptNumber, Replayed, replay

if TYPE_CHECKING:
    from domain.allotment.standing import Standing
    from domain.allotment.taking import VisitSlot
    from services.settings import Settings

DIFFERENT = 1
CANNOT_SAY = CANNOT_START


class _Taken(Struct, frozen=True, rename="camel"):
    """`capacity`: an operator's, where `overridden`; null: no limit."""

    held: int
    sold: int
    overridden: bool
    capacity: int | None


class _SlotReport(Struct, frozen=True, rename="camel"):
    admission: str
    visit_date: date
    slot_start: time | None
    kept: _Taken
    by_the_log: _Taken


class _Owner(Struct, frozen=True, rename="camel"):
    order_id: UUID
    living: bool


class _NumberReport(Struct, frozen=True, rename="camel"):
    number: str
    kept: _Owner | None
    by_the_log: _Owner | None


class _Report(Struct, frozen=True, rename="camel"):
    """`…Differences`: the first of so many as `differing…` says."""

    equal: bool
    position: int
    events: int
    orders: int
    slots: int
    numbers: int
    living: int
    seconds: float
    differing_slots: int
    differing_numbers: int
    slot_differences: list[_SlotReport]
    number_differences: list[_NumberReport]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as an object on the last line.")
def command(*, as_json: bool) -> None:
    """Fold the whole log, and prove from it the places taken of each slot and the numbers that guests show.

    Runs beside a service and changes nothing. Exits 0 where all is as the log says, 1 where something differs, 2 where
    that cannot be said.
    """
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    try:
        replayed = run(partial(_replay, settings))
    except (Unreadable, psycopg.Error) as error:
        fail(str(error), CANNOT_SAY)
    if as_json:
        say_json(_report(replayed))
    else:
        _show(replayed)
    sys.exit(0 if replayed.is_equal else DIFFERENT)


async def _replay(settings: Settings) -> Replayed:
    with progress_of_events("replay") as progress:
        async with store(settings, migrates=False) as opened:
            return await replay(opened.mapper, opened.connect("replay", transaction_timeout=None), progress)


def _report(replayed: Replayed) -> _Report:
    return _Report(
        equal=replayed.is_equal,
        position=replayed.position,
        events=replayed.events,
        orders=replayed.orders,
        slots=replayed.slots,
        numbers=replayed.numbers,
        living=replayed.living,
        seconds=round(replayed.seconds, 3),
        differing_slots=replayed.differing_slots,
        differing_numbers=replayed.differing_numbers,
        slot_differences=[
            _SlotReport(*one.slot, _Taken(*one.kept), _Taken(*one.by_the_log)) for one in replayed.slot_differences
        ],
        number_differences=[
            _NumberReport(one.number, _owner(one.kept), _owner(one.by_the_log)) for one in replayed.number_differences
        ],
    )


def _owner(kept: KeptNumber | None) -> _Owner | None:
    return _Owner(*kept) if kept is not None else None


def _show(replayed: Replayed) -> None:
    click.echo(
        f"replayed {replayed.events} events of {replayed.orders} orders up to position {replayed.position} "
        f"in {replayed.seconds:.2f} s"
    )
    click.echo(_verdict(f"{replayed.slots} slots", replayed.differing_slots))
    click.echo(_verdict(f"{replayed.numbers} numbers ({replayed.living} living)", replayed.differing_numbers))
    if replayed.is_equal:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("differs", overflow="fold")
    table.add_column("is kept as")
    table.add_column("by the log")
    for slot in replayed.slot_differences:
        table.add_row(Text(_slot(slot.slot)), _taken(slot.kept), _taken(slot.by_the_log))
    for number in replayed.number_differences:
        table.add_row(Text(number.number), _shown_by(number.kept), _shown_by(number.by_the_log))
    more = replayed.differing_slots - len(replayed.slot_differences)
    more += replayed.differing_numbers - len(replayed.number_differences)
    screen().print(table)
    if more:
        click.echo(f"and {more} more")


def _verdict(what: str, differing: int) -> str:
    return f"{what}: {f'{differing} differ' if differing else 'as the log says'}"


def _slot(slot: VisitSlot) -> str:
    return f"{slot.admission} {slot.visit_date}" + (f" {slot.slot_start}" if slot.slot_start is not None else "")


def _taken(standing: Standing) -> str:
    capacity = "no limit" if standing.override is None else f"capacity {standing.override}"
    return f"{standing.held} held, {standing.sold} sold" + (f", {capacity} set" if standing.overridden else "")


def _shown_by(kept: KeptNumber | None) -> str:
    return "nothing" if kept is None else f"{'living' if kept.living else 'void'}, of order {kept.order_id}"
