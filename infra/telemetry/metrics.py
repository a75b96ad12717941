"""What a process shows to Prometheus: its sources of figures, asked each time that it is scraped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Families = Callable[[], Iterable["Metric"]]


class _Source(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


class Metrics:
    """A registry of its own: a process may hold several platforms, as tests do. `stop` it at the end."""

    def __init__(self) -> None:
        # Without names told beforehand, a source need not be asked when it is added.
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        # A thread of its own: reading /proc would block the loop, and the loop's threads may all be looking names up.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")

    def show(self, families: Families) -> Callable[[], None]:
        """Show what this source gives from now on; it is asked in another thread. Answers how to end that."""
        source = _Source(families)
        self._registry.register(source)
        return lambda: self._registry.unregister(source)

    @contextmanager
    def shown(self, families: Families) -> Iterator[None]:
        """Show it until left."""
        end = self.show(families)
        try:
            yield
        finally:
            end()

    async def text(self) -> bytes:
        """Everything, in Prometheus' text format 0.0.4."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, generate_latest, self._registry)

    def stop(self) -> None:
        self._thread.shutdown(wait=False)
