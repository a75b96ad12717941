"""The role: the projection of orders, run until the process stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.projector.projector import Projector

if TYPE_CHECKING:
    from services.bootstrap import Platform


@asynccontextmanager
async def projector_role(platform: Platform) -> AsyncIterator[None]:
    """Projects until left. Several processes at it do no harm: one page takes effect once."""
    projector = Projector(platform.recorder, platform.mapper, platform.connect("projector"), platform.listener)
    await projector.start()
    try:
        yield
    finally:
        await projector.stop()
