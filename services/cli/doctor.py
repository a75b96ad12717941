"""`doctor`: examines the deployment."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial

import click
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from services.bootstrap import now
from services.cli.output import log_warnings_only, say_json, screen
from services.cli.running import run, settings_of_service_or_exit
from services.doctor.examination import examine
from services.doctor.finding import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


class Report(Struct, frozen=True):
    """`state`: that of the gravest finding."""

    state: str
    checks: list[Finding]


@click.command()
@click.option("--json", "as_json", is_flag=True, help='Print {"state", "checks": [{"check", "state", "finding"}]}.')
def command(*, as_json: bool) -> None:
    """Examine versions, clock, database settings, disk, migrations, keys and the log; exits 1 where something fails."""
    settings = settings_of_service_or_exit()
    log_warnings_only(settings)
    findings = run(partial(examine, settings, now))
    states = Counter(finding.state for finding in findings)
    if as_json:
        say_json(Report(next(state for state in ("fail", "warn", "ok") if states[state]), findings))
    else:
        _show(findings)
    sys.exit(1 if states["fail"] else 0)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.state, _COLOURS[finding.state]), finding.check, Text(finding.finding))
        if finding.advice is not None:
            table.add_row("", "", Text(finding.advice, "bold"))
    screen().print(table)
