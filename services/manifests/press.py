"""Where pages are made: beside the event loop, one piece at a time, whoever asks for how much.

A ticket takes some milliseconds, an order may have thousands. So the work is cut into pieces of a few dozen tickets;
those of all who wait take turns, in one thread, and the loop goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Press:
    """Nothing of it outlives the process: who asked asks again."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def piece(self, work: Callable[[], T]) -> T:
        """What `work` gives, done in the thread when it is its turn: at most a tenth of a second of work."""
        async with self._turn:
            return await asyncio.to_thread(work)
