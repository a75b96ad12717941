"""How long an issuer is waited for: one that hangs must not hold up other orders, callers, or the end of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from domain.issuance.issuer import IssuerAway

T = TypeVar("T")

ANSWER_SECONDS = 4.0
"""Below a job's lease, so that nobody else takes it up meanwhile, and below a request's deadline."""


async def answered(asked: Awaitable[T]) -> T:
    """The issuer's answer. Raises IssuerAway where none came in time, beside what the issuer raises."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asked
    except TimeoutError:
        raise IssuerAway from None
