"""Deadlines for work on a connection that abandon it rather than cancel the work.

Cancelling asks the server first: with PostgreSQL frozen, `asyncio.wait_for(…, 1)` took 11 s. Here the socket is shut
down instead, so that the waiting side reads the end of the connection at once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from psycopg import AsyncConnection

Result = TypeVar("Result")

_LET_GO_SECONDS = 1.0


class DeadlinePassed(DatabaseUnavailable):
    """The database did not answer in time; the connection is shut down and of no further use."""


async def within(seconds: float, connection: AsyncConnection, work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result. Raises DeadlinePassed after `seconds`, and whatever the work raises."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _abandon(connection, task)
        raise
    if not done:
        await _abandon(connection, task)
        raise DeadlinePassed
    return task.result()


async def _abandon(connection: AsyncConnection, task: asyncio.Future[Any]) -> None:
    """End the conversation, and go on only once the work has noticed, which it does at once.

    Whoever owns the connection (a pool) closes it next. Closed under the work's hands, its descriptor goes to another
    connection while the work still watches it: that ended the whole process (segmentation fault in libpq).
    """
    shut_down(connection)
    task.add_done_callback(_outcome_read)
    await asyncio.wait({task}, timeout=_LET_GO_SECONDS)


def shut_down(connection: AsyncConnection) -> None:
    """Close the conversation, not the descriptor: libpq still owns that one."""
    with suppress(Exception):
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        with suppress(OSError), duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


def _outcome_read(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
