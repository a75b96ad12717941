"""The process's traces, where the settings ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from services.setting_source import SettingError
from services.telemetry import build_version

if TYPE_CHECKING:
    from infra.telemetry.traces import Traces
    from services.settings import Settings

STOP_SECONDS: Final = 2.0
"""For what was not sent yet; what a collector has not taken by then is lost."""

log = structlog.get_logger()


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncIterator[Traces | None]:
    """None where they are off, as they are by default. Raises SettingError for a setting that the SDK refuses."""
    if not settings.traces:
        yield None
        return
    try:
        traces = await asyncio.to_thread(_opened, settings.instance)
    except ValueError as error:
        raise SettingError(f"OTEL_…: {error}") from error
    try:
        yield traces
    finally:
        if not await traces.stop(STOP_SECONDS):
            log.warning("traces_cut_short", seconds=STOP_SECONDS)


def _opened(instance: str) -> Traces:
    # Takes a fifth of a second to import, and reads files: a process without traces need not wait for it.
    from infra.telemetry.traces import Traces

    of_process = {
        "service.name": "ota-channel-manager",
        "service.version": build_version(),
        "service.instance.id": instance,
    }
    return Traces(of_process)
