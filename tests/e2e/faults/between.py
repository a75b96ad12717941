"""A proxy between a service and its PostgreSQL, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.event_store.proxy import Proxy


@contextmanager
def running_proxy(dsn: str) -> Iterator[Proxy]:
    """Set its attributes at any time; call none of its methods."""
    begun = threading.Event()
    proxy = Proxy(dsn)
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def run() -> None:
        async with proxy:
            begun.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert begun.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
