"""Writes down what came of deliveries: gathered for a moment, then in one statement.

A crash between sending and this mark means that the delivery is repeated under the same `webhook-id`: at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final
from uuid import UUID

import psycopg
import structlog

from infra.crash_points import CrashPoint, reached
from infra.postgres.connections import Connection, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable
from projections.webhook_deliveries import Outcome, record_attempts, release
from services.webhooks.figures import DeliveryFigures

Connections = Callable[[], AbstractAsyncContextManager[Connection]]
"""Autocommit connections, one at a time, as `Pool.connection` gives them."""

STATEMENT_SECONDS: Final = 5.0

_GATHER_SECONDS: Final = 0.03
_AT_ONCE: Final = 500
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 2.0
_IDLE_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Marks:
    """Outcomes and deliveries given back, on their way to the table.

    `let_go(ids, again)` is told which deliveries are no longer in hand, and whether any of them falls due again.
    """

    def __init__(self, connections: Connections, owner: str, let_go: Callable[[Collection[UUID], bool], None]) -> None:
        self._connections = connections
        self._owner = owner
        self._let_go = let_go
        self.figures = DeliveryFigures()
        self._outcomes: list[Outcome] = []
        self._given_back: list[UUID] = []
        self._something = asyncio.Event()
        self._ending = asyncio.Event()

    def waiting(self) -> set[UUID]:
        """The deliveries that are not written yet."""
        return {outcome.id for outcome in self._outcomes} | set(self._given_back)

    def record(self, outcome: Outcome) -> None:
        """To be written within some tens of milliseconds."""
        self._outcomes.append(outcome)
        self.figures.came_of(outcome)
        self._something.set()

    def give_back(self, delivery_id: UUID) -> None:
        """Not attempted: to be due again at once."""
        self._given_back.append(delivery_id)
        self._something.set()

    def end(self) -> None:
        """Have `run` return, after the statement that it is in."""
        self._ending.set()
        self._something.set()

    async def run(self) -> None:
        """Write as marks come, until `end`. With the database away they are kept and tried again."""
        wait = _FIRST_WAIT
        while not self._ending.is_set():
            await self._something.wait()
            try:
                with translated_faults():
                    async with self._connections() as conn:
                        # Kept while marks come: a pool tries a connection each time that it gives it.
                        while await self._more_comes():
                            await self._write_all(conn)
                            wait = _FIRST_WAIT
            except DatabaseUnavailable as error:
                _log.warning("webhook_marks_wait", error=str(error), count=len(self._outcomes))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), wait)
                wait = min(2 * wait, _LONGEST_WAIT)

    async def flush(self) -> None:
        """Write everything that is there, once `run` has returned.

        Raises DatabaseUnavailable; what was not written is kept then.
        """
        if self._outcomes or self._given_back:
            with translated_faults():
                async with self._connections() as conn:
                    await self._write_all(conn)

    async def _more_comes(self) -> bool:
        """Gathers for a moment from the first mark; False at the end, and where none comes for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._something.wait()
                await asyncio.sleep(_GATHER_SECONDS)
        return self._something.is_set() and not self._ending.is_set()

    async def _write_all(self, conn: Connection) -> None:
        while self._outcomes or self._given_back:
            outcomes, given_back = self._outcomes[:_AT_ONCE], self._given_back[:_AT_ONCE]
            await within(conn, self._write(conn, outcomes, given_back), STATEMENT_SECONDS)
            reached(CrashPoint.DELIVERY_MARKED)
            del self._outcomes[: len(outcomes)]
            del self._given_back[: len(given_back)]
            again = bool(given_back) or any(outcome.status == "pending" for outcome in outcomes)
            self._let_go([*(outcome.id for outcome in outcomes), *given_back], again)
        self._something.clear()

    async def _write(self, conn: Connection, outcomes: Sequence[Outcome], given_back: Sequence[UUID]) -> None:
        await self._record(conn, outcomes)
        if given_back:
            await release(conn, self._owner, given_back)

    async def _record(self, conn: Connection, outcomes: Sequence[Outcome]) -> None:
        try:
            recorded = await record_attempts(conn, self._owner, outcomes)
        except psycopg.DataError as error:
            # One that PostgreSQL refuses must not hold up the others for ever; its lease runs out, and it is repeated.
            if len(outcomes) == 1:
                _log.error("webhook_mark_refused", delivery=str(outcomes[0].id), error=type(error).__name__)
                return
            for outcome in outcomes:
                await self._record(conn, [outcome])
            return
        if len(recorded) < len(outcomes):
            _log.warning("webhook_marks_too_late", count=len(outcomes) - len(recorded))
