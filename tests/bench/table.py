"""The table of what was measured: rows, how they are printed, and build/bench.json."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec import UNSET, UnsetType
from rich.console import Console
from rich.table import Table

from tests.bench.machine import Machine

Figures = float | Sequence[float]
"""One figure, or one of each run: then their median counts, and the lowest and the highest are told."""


class Row(msgspec.Struct, frozen=True):
    """One figure: a median where there were several runs.

    `baseline` is the same figure of what it is compared with, `ratio` value to baseline. `target` says in words what
    is asked of the value or the ratio; `ok` whether it is met; both are None where nothing is asked. `lowest` and
    `highest` are of the runs; `short` says by how much the target is missed. These three only where there is one.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    ok: bool | None = None
    lowest: float | UnsetType = UNSET
    highest: float | UnsetType = UNSET
    short: str | UnsetType = UNSET


def plain(name: str, value: Figures, unit: str, baseline: Figures | None = None) -> Row:
    """A figure that nothing is asked of."""
    return _row(name, value, unit, baseline, None, [])


def at_least(name: str, value: Figures, unit: str, target: float) -> Row:
    return _row(name, value, unit, None, f">= {target:g}", [_missing(_middle(value), target)])


def at_most(name: str, value: Figures, unit: str, target: float) -> Row:
    return _row(name, value, unit, None, f"<= {target:g}", [_excess(_middle(value), target)])


def compared(name: str, value: Figures, unit: str, baseline: Figures, at_least: float) -> Row:
    """A figure beside its baseline; `at_least` is asked of the ratio."""
    missing = _missing(_middle(value) / _middle(baseline), at_least)
    return _row(name, value, unit, baseline, f"ratio >= {at_least:g}", [missing])


def steady(name: str, value: Figures, unit: str, baseline: Figures, at_most: float, ratio: float) -> Row:
    """A figure that must stay as it was when there was less: at most so much, and at most so many times that."""
    excess = [_excess(_middle(value), at_most), _excess(_middle(value) / _middle(baseline), ratio)]
    return _row(name, value, unit, baseline, f"<= {at_most:g}, ratio <= {ratio:g}", excess)


def beyond(name: str, value: float, unit: str, goal: str) -> Row:
    """How far it is to a goal beyond the targets: nothing is asked."""
    return plain(f"{name} (goal {goal})", value, unit)


def print_rows(rows: Sequence[Row], machine: Machine) -> None:
    table = Table(caption=_words(machine), caption_justify="left")
    table.add_column("what")
    for column in ("value", "runs", "unit", "baseline", "ratio", "target", "ok"):
        table.add_column(column, justify="left" if column in ("unit", "target", "ok") else "right")
    for row in rows:
        verdict = "" if row.ok is None else "[green]yes[/]" if row.ok else f"[bold red]no, {row.short}[/]"
        runs = "" if row.lowest is UNSET or row.highest is UNSET else f"{_number(row.lowest)} to {_number(row.highest)}"
        figures = (_number(row.value), runs, row.unit, _number(row.baseline), _number(row.ratio))
        table.add_row(row.name, *figures, row.target or "", verdict)
    console = Console()
    # In a pipe or a log there is no width to fit: 80 columns would break the names.
    Console(width=max(console.width, 170)).print(table) if not console.is_terminal else console.print(table)


def write_json(rows: Sequence[Row], machine: Machine, out: Path) -> None:
    """Writes `{"machine": …, "rows": [...]}`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.encode({"machine": machine, "rows": list(rows)})
    out.write_bytes(msgspec.json.format(document, indent=2) + b"\n")


def _row(
    name: str, value: Figures, unit: str, baseline: Figures | None, target: str | None, faults: list[str | None]
) -> Row:
    """`faults`: what is wrong with each thing that is asked, None where it is met."""
    wrong = ", ".join(fault for fault in faults if fault is not None)
    runs = value if isinstance(value, Sequence) and len(value) > 1 else None
    return Row(
        name,
        _rounded(_middle(value)),
        unit,
        baseline=None if baseline is None else _rounded(_middle(baseline)),
        ratio=None if baseline is None else round(_middle(value) / _middle(baseline), 3),
        target=target,
        ok=not wrong if faults else None,
        lowest=_rounded(min(runs)) if runs is not None else UNSET,
        highest=_rounded(max(runs)) if runs is not None else UNSET,
        short=wrong or UNSET,
    )


def _middle(figures: Figures) -> float:
    return median(figures) if isinstance(figures, Sequence) else figures


def _missing(value: float, least: float) -> str | None:
    return None if value >= least else f"{1 - value / least:.1%} short"


def _excess(value: float, most: float) -> str | None:
    return None if value <= most else f"{value / most - 1:.1%} over"


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
