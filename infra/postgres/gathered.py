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
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: Key) -> Value | None:
        """The key's value, or None where there is none. Raises what `fetch` raised."""
        # A future for each who asks: shared, it would need a shield against the one who is cancelled, which is dear.
        future: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        asking = self._waiting.get(key)
        if asking is not None:
            asking.append(future)
        else:
            self._waiting[key] = [future]
            if self._running < self._concurrency:
                self._running += 1
                task = asyncio.ensure_future(self._drain())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return await future

    async def _drain(self) -> None:
        try:
            await self._answer_all()
        finally:
            # Here, and not when the task is seen to be done: who asks in between would be left waiting for ever.
            self._running -= 1

    async def _answer_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:MAX_KEYS]
            asking = [self._waiting.pop(key) for key in keys]
            try:
                values = await self._fetch(keys)
            except Exception as error:
                for futures in asking:
                    for future in futures:
                        if not future.done():
                            future.set_exception(error)
                continue
            for key, futures in zip(keys, asking, strict=True):
                value = values.get(key)
                for future in futures:
                    if not future.done():
                        future.set_result(value)
