"""The role: the projection of orders, run until the process stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from projections.runner import ProjectionRunner

if TYPE_CHECKING:
    from services.bootstrap import Platform


@asynccontextmanager
async def projector_role(platform: Platform) -> AsyncIterator[None]:
    """Projects until left. Several processes at it do no harm: one page takes effect once."""
    runner = ProjectionRunner(platform.recorder, platform.mapper, platform.connect("projector"))
    woken = platform.listener.subscribe()
    projecting = platform.tasks.run("projector", lambda: runner.run(woken))
    try:
        yield
    finally:
        await platform.tasks.end(projecting)
        platform.listener.unsubscribe(woken)
