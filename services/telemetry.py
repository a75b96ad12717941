"""What `/metrics` answers: the figures of this process, and how the service stands."""

from __future__ import annotations

import asyncio
import platform as machine
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from infra.postgres.disk_room import free_bytes
from infra.telemetry.instruments import gauge
from infra.telemetry.loop_lag import LoopLag
from infra.telemetry.metrics import Metrics
from services.standing import Standing

if TYPE_CHECKING:
    from prometheus_client import Metric

    from infra.event_store.group_commit import GroupCommit
    from infra.postgres.reads import Reads
    from services.settings import Settings
    from services.status import StatusReport

_DISTRIBUTION = "ota-channel-manager"


class Telemetry(Metrics):
    """The process's registry; a role adds what it has while it runs."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self._standing = standing
        self.show(standing.families)

    async def text(self) -> bytes:
        """Within a second, whatever the database does."""
        await self._standing.look()
        return await super().text()


@asynccontextmanager
async def telemetry(
    settings: Settings, reads: Reads, group_commit: GroupCommit, report: StatusReport
) -> AsyncIterator[Telemetry]:
    """With what every process has, whatever its roles."""
    standing = Standing(reads, report)
    shown = Telemetry(standing)
    lag = LoopLag()
    shown.show(lag.families)
    shown.show(group_commit.figures.families)
    shown.show(partial(_of_queue, group_commit))
    shown.show(partial(_of_build, settings, await asyncio.to_thread(build_version)))
    if settings.is_embedded:
        shown.show(partial(_of_disk, settings))
    lag.start()
    try:
        yield shown
    finally:
        lag.stop()
        await standing.stop()
        shown.stop()


def _of_queue(group_commit: GroupCommit) -> Iterable[Metric]:
    yield gauge(
        "ota_cm_commit_queue_commands",
        "Commands that wait for the group commit or are in its call.",
        group_commit.waiting,
    )


def _of_build(settings: Settings, version: str) -> Iterable[Metric]:
    yield gauge(
        "ota_cm_build_info",
        "1; its labels say what runs here.",
        {(version, machine.python_version(), ",".join(sorted(settings.roles))): 1},
        ("version", "python_version", "roles"),
    )


def _of_disk(settings: Settings) -> Iterable[Metric]:
    try:
        free = free_bytes(settings.data_dir)
    except OSError:
        return
    yield gauge("ota_cm_disk_free_bytes", "Free bytes on the disk of the embedded PostgreSQL.", free)


def build_version() -> str:
    """Of the package as it is installed."""
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"  # run from a folder that was never installed
