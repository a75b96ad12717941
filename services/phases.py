"""Requests that came together go through each stretch of code together.

A request's whole way is more code than the processor's nearest caches hold. Run one after the other, each request
finds all of it cold; run a stretch at a time, all but the first find it warm. Measured on createOrder with 64
connections: a fifth less CPU an order, a half more orders a second, and fuller group commits.
"""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine


@coroutine
def together() -> Generator[None, None, None]:
    """Let whoever else is ready come this far before anyone goes on. Costs about a microsecond."""
    yield
