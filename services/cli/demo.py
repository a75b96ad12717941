"""`demo`: the life of an order, told step by step."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import structlog
from aiohttp import ClientSession

from domain.api_key import KEY_RANDOM_BYTES, key_text
from infra.logs import configure
from services.cli.output import screen
from services.cli.running import fail, run
from services.demo.endpoint import Endpoint
from services.demo.narrator import Narrator
from services.demo.opening import open_shop
from services.demo.story import Story
from services.demo.surprise import Surprise
from services.process import running
from services.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED = "PostgreSQL made and started, and the service in front of it"

_INTRODUCTION = (
    "A museum lets travel agents sell its tickets. An agent sends an order in one call; the service answers at once, "
    "makes the tickets in the background, and calls the agent back (a webhook) when they are ready. What follows is "
    "real: a PostgreSQL in a temporary folder, the service, and an agent that speaks to it over HTTP, all on this "
    "machine. Nothing of it is kept."
)
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger()


class _Stopped(Exception):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


@click.command()
def command() -> None:
    """Walk through the life of an order, on a service and a database of its own. Needs nothing, keeps nothing."""
    # A character that the output's encoding does not have is no reason to fail.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    with _folder() as folder:
        settings = _settings(folder)
        with (folder / "service.log").open("w") as logs:
            configure(settings.log_level, settings.log_format, logs)
            run(partial(_until_told, settings, folder / "service.log"))


async def _until_told(settings: Settings, log_file: Path) -> None:
    """Tell the story; whatever ends it, the service and its database have stopped when this returns."""
