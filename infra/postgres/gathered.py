"""Look-ups by key that arrive at the same time are answered by one query.

The query before is the window in which the next keys gather: no timer, no added wait at low load.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

Key = TypeVar("Key")
Value = TypeVar("Value")

MAX_KEYS = 256


class Gathered(Generic[Key, Value]):
    """`fetch` answers many keys at once; it is called by at most `concurrency` tasks at a time.

    A look-up sees at least all that was committed before it was asked for: keys never join a query under way.
    """

    def __init__(
        self, fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]], *, concurrency: int = 2
    ) -> None:
        self._fetch = fetch
        self._concurrency = concurrency
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: Key) -> Value | None:
        """The key's value, or None where there is none. Raises what `fetch` raised."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._running < self._concurrency:
                self._running += 1
                task = asyncio.ensure_future(self._drain())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        try:
            await self._answer_all()
        finally:
            # Here, and not when the task is seen to be done: who asks in between would be left waiting for ever.
            self._running -= 1

    async def _answer_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:MAX_KEYS]
            futures = [self._waiting.pop(key) for key in keys]
            try:
                values = await self._fetch(keys)
            except Exception as error:
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
                continue
            for key, future in zip(keys, futures, strict=True):
                if not future.done():
                    future.set_result(values.get(key))
