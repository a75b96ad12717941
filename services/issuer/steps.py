"""A step of the saga: from what was learned of an order to the save of what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from domain.issuance.saga import SagaMessage, Seen, react
from domain.order.decide import decide
from domain.order.events import OrderEvent
from infra.event_store.append import Append
from infra.event_store.group_commit import RefusedByStore
from infra.event_store.mapper import Actor
from infra.event_store.outcomes import Outcome
from services.issuer.traced import ended, saving_span
from services.ordering.context import following
from services.ordering.orders import LoadedOrder, Orders, folded

if TYPE_CHECKING:
    from infra.event_store.group_commit import GroupCommit
    from infra.telemetry.traces import Traces
    from projections.directory import Directory

log = structlog.get_logger()

_ISSUER = Actor(scope="issuer")


@dataclass(frozen=True, slots=True)
class Step:
    """`before`, `after`: the order as it was, and as the save leaves it. `append`: what is saved."""

    message: SagaMessage
    before: LoadedOrder
    after: LoadedOrder
    append: Append
    outcome: asyncio.Future[Outcome]


class Steps:
    """Hands steps to the group commit."""

    def __init__(
        self, orders: Orders, group_commit: GroupCommit, directory: Directory, *, traces: Traces | None
    ) -> None:
        self._orders = orders
        self._group_commit = group_commit
        self._directory = directory
        self._traces = traces

    def take(self, order: LoadedOrder, message: SagaMessage, now: datetime) -> Step | None:
        """What follows from the message, being saved: all of it or nothing. None: nothing follows."""
        events: list[OrderEvent] = []
        after = order
        for command in react(order.state, message):
            decided = decide(after.state, command)
            events += decided
            saved = folded(after, decided, None)
            after = after._replace(state=saved.state, version=saved.version)
        if not events:
            return None
        context = following(order.last, now, _ISSUER, self._directory.venue_id)
        span = None
        if self._traces is not None:
            span = saving_span(self._traces, message, after, context.traceparent)
            context = context._replace(traceparent=span.traceparent)
        catalog = message.catalog if isinstance(message, Seen) else None
        append = self._orders.append(order, events, after.state, context, catalog=catalog)
        outcome = self._group_commit.append(append)
        if span is not None:
            outcome.add_done_callback(partial(ended, span))
        return Step(message, order, after._replace(last=context.metadata()), append, outcome)


async def outcomes(steps: Sequence[Step]) -> list[Outcome | Exception]:
    """What became of each. Awaited in turn: they end in batches, and `gather` costs each a call back in Python."""
    found: list[Outcome | Exception] = []
    for step in steps:
        try:
            found.append(await step.outcome)
        except asyncio.CancelledError:
            for unheard in steps:
                unheard.outcome.cancel()  # nobody hears what becomes of them; they are saved all the same
            raise
        except Exception as error:
            found.append(error)
    return found


def failure(step: Step, error: Exception) -> Exception | None:
    """Why the batch is to be taken again. Not for what the store refuses: it would be refused again, and all that is
    behind it would wait. Its order stands on its lease, or as it was, and the sweeper comes back to it."""
    if isinstance(error, RefusedByStore):
        log.error("issuance_refused_by_store", order_id=str(step.before.order_id))
        return None
    return error
