"""What commands print: results on standard output, for people or as JSON; logs on standard error, only if they warn."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from infra.logs import configure

if TYPE_CHECKING:
    from services.settings import Settings

_PIPE_COLUMNS = 160


def screen(*, stderr: bool = False) -> Console:
    """Where tables and the like are printed. In a pipe it is plain text, wide enough that lines stay whole."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    return console


def say_json(result: object) -> None:
    """One line of JSON."""
    click.echo(msgspec.json.encode(result))


def log_warnings_only(settings: Settings) -> None:
    """A command's logs: what the service would log as information is not why somebody typed it."""
    configure("error" if settings.log_level == "error" else "warning", settings.log_format)
    # Kafka's client tells of each broken connection; what follows from that, the command says itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
