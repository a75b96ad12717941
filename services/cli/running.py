"""What every command does with its settings and its errors."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn, TypeVar

import click

from infra.event_store.group_commit import OutcomeUnknown, StoreUnavailable
from infra.postgres.errors import DatabaseUnavailable, EmbeddedPostgresError, MigrationError, UnsupportedServer
from services.settings import SettingError, Settings, read_settings

T = TypeVar("T")

CANNOT_START = 2
_STARTING_ERRORS = (SettingError, EmbeddedPostgresError, DatabaseUnavailable, MigrationError, UnsupportedServer)


def settings_or_exit(flags: Mapping[str, str] | None = None) -> Settings:
    """The settings of environment and flags; one clear line and exit 2 where one is wrong."""
    try:
        return read_settings(os.environ, flags, terminal=sys.stderr.isatty())
    except SettingError as error:
        fail(str(error), CANNOT_START)


def settings_of_service_or_exit() -> Settings:
    """The same for a command that looks at what there is: a wrong folder is told, instead of a new database made."""
    settings = settings_or_exit()
    if settings.is_embedded and not settings.data_dir.is_dir():
        fail(
            f"there is no data folder {settings.data_dir}: set OTA_CM_DATA_DIR to the service's, or start "
            "`channel-manager serve` first",
            CANNOT_START,
        )
    return settings


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end on uvloop, where there is one; what keeps it from starting is one clear line and exit 2."""
    try:
        return _runner()(work())
    except _STARTING_ERRORS as error:
        fail(str(error), CANNOT_START)
    except (StoreUnavailable, OutcomeUnknown):
        fail("the database cannot be reached, or did not answer: look before you try again", 1)


def fail(message: str, status: int = 1) -> NoReturn:
    """Say why on standard error, in one line, and exit."""
    click.echo(f"channel-manager: {' '.join(message.split())}", err=True)
    sys.exit(status)


def _runner() -> Callable[[Coroutine[Any, Any, T]], T]:
    if sys.platform == "win32":
        return asyncio.run
    import uvloop

    return uvloop.run
