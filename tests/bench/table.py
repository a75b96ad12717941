"""The table of what was measured: rows, how they are printed, and build/bench.json."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.machine import Machine


class Row(msgspec.Struct, frozen=True):
    """One figure: a median where there were several runs.

    `baseline` is the same figure of what it is compared with, `ratio` value to baseline. `target` says in words what
    is asked of the value or the ratio; `ok` whether it is met; both are None where nothing is asked.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    ok: bool | None = None


def plain(name: str, value: float, unit: str) -> Row:
    """A figure that nothing is asked of."""
    return Row(name, _rounded(value), unit)


def at_least(name: str, value: float, unit: str, target: float) -> Row:
    return Row(name, _rounded(value), unit, target=f">= {target:g}", ok=value >= target)


def at_most(name: str, value: float, unit: str, target: float) -> Row:
    return Row(name, _rounded(value), unit, target=f"<= {target:g}", ok=value <= target)


def compared(name: str, value: float, unit: str, baseline: float, at_least: float | None = None) -> Row:
    """A figure beside its baseline; `at_least` is asked of the ratio."""
    ratio = value / baseline
    return Row(
        name,
        _rounded(value),
        unit,
        baseline=_rounded(baseline),
        ratio=round(ratio, 3),
        target=None if at_least is None else f"ratio >= {at_least:g}",
        ok=None if at_least is None else ratio >= at_least,
    )


def print_rows(rows: Sequence[Row], machine: Machine) -> None:
    table = Table(caption=_words(machine), caption_justify="left")
    table.add_column("what")
    for column in ("value", "unit", "baseline", "ratio", "target", "ok"):
        table.add_column(column, justify="left" if column in ("unit", "target") else "right")
    for row in rows:
        verdict = "" if row.ok is None else "[green]yes[/]" if row.ok else "[bold red]no[/]"
        table.add_row(
            row.name, _number(row.value), row.unit, _number(row.baseline), _number(row.ratio), row.target or "", verdict
        )
    console = Console()
    # In a pipe or a log there is no width to fit: 80 columns would break the names.
    Console(width=max(console.width, 130)).print(table) if not console.is_terminal else console.print(table)


def write_json(rows: Sequence[Row], machine: Machine, out: Path) -> None:
    """Writes `{"machine": …, "rows": [...]}`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.encode({"machine": machine, "rows": list(rows)})
    out.write_bytes(msgspec.json.format(document, indent=2) + b"\n")


def _words(machine: Machine) -> str:
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB, {machine.kernel}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}"
    )


def _rounded(value: float) -> float:
    return round(value, 3) if abs(value) < 1000 else round(value)


_FORMAT: Callable[[float], str] = "{:,.10g}".format


def _number(value: float | None) -> str:
    return "" if value is None else _FORMAT(value)
