"""Turns what happened to orders into deliveries: rows of the queue and the place in the log, in one transaction.

So a crash neither loses a delivery nor makes it twice. The rows are inserted leased to this process, whose sender is
handed them at once; the table is read only for what failed or was left behind.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID, uuid5

import structlog

from domain.subscription import Disabled
from infra.crash_points import CrashPoint, during, reached
from infra.postgres.connections import Connection, translated_faults, within
from infra.postgres.errors import PositionMoved
from infra.postgres.positions import load_position
from projections.webhook_deliveries import LeasedDelivery, NewDelivery, Stretch, enqueue, kill_pending, release
from services.webhooks.body import render_body
from services.webhooks.marks import STATEMENT_SECONDS, Connections

if TYPE_CHECKING:
    from projections.directory import Subscribed

CONSUMER: Final = "webhooks"
ORDER_PROCESSED: Final = "ota_cm_order_processed"
PAGE: Final = 1_000

_STORE_SECONDS: Final = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Settled:
    """An order settled by issuance. `position`: of the event in the log. `version`: the order's, after it.

    `traceparent`: of the event.
    """

    position: int
    order_id: UUID
    partner_id: UUID
    buy_from_order_reference: str
    status: Literal["Issued", "Draft", "Error"]
    occurred_at: datetime
    version: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the log up to `through`: what settled in it, and which subscriptions were disabled or deleted.

    `set_up`: the last position in it at which something was set up (a subscription, for one); 0: nothing was.
    """

    through: int
    settled: Sequence[Settled] = ()
    ended: Sequence[UUID] = ()
    set_up: int = 0


def delivery_id(subscription_id: UUID, epoch: int, event: Settled) -> UUID:
    """The one delivery of this event to this subscription. `epoch`: counts restores; after one, versions recur."""
    return uuid5(subscription_id, f"{epoch}:{event.order_id}:{event.version}")


def deliveries_for(event: Settled, subscriptions: Iterable[Subscribed], epoch: int) -> list[NewDelivery]:
    """What is to be delivered of an event: to its partner's subscriptions alone, as old as the event or older.

    For a disabled one it is kept as a dead delivery.
    """
    return [
        NewDelivery(
            id=delivery_id(subscribed.subscription.subscription_id, epoch, event),
            subscription_id=subscribed.subscription.subscription_id,
            order_id=event.order_id,
            position=event.position,
            event_name=ORDER_PROCESSED,
            body=render_body(
                subscribed.subscription.subscriber,
                event_name=ORDER_PROCESSED,
                at=event.occurred_at,
                order_id=event.order_id,
                buy_from_order_reference=event.buy_from_order_reference,
                status=event.status,
            ),
            dead=isinstance(subscribed.subscription, Disabled),
            traceparent=event.traceparent,
        )
        for subscribed in subscriptions
        if subscribed.since < event.position
        and subscribed.subscription.subscriber.partner_id == event.partner_id
        and subscribed.subscription.subscriber.event_name == ORDER_PROCESSED
    ]


class Publisher:
    """Reads the log page by page; one at work at a time, and a second one does no harm.

    read_page: (after, limit) → the page of the log that follows a position. subscriptions: a partner's living ones,
    from memory. caught_up: returns once memory has seen the log up to a position, so that no subscription made before
    an event is missed. offer: the sender's. owner, lease_seconds: the sender's. epoch: how often the service was
    restored from a backup, and one.
    """

    def __init__(
        self,
        *,
        read_page: Callable[[int, int], Awaitable[Page]],
        subscriptions: Callable[[UUID], Iterable[Subscribed]],
        caught_up: Callable[[int], Awaitable[None]],
        connections: Connections,
        offer: Callable[[Sequence[LeasedDelivery]], None],
        owner: str,
        lease_seconds: float,
        epoch: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_page = read_page
        self._subscriptions = subscriptions
        self._caught_up = caught_up
        self._connections = connections
        self._offer = offer
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._epoch = epoch
        self._clock = clock
        self._stored: int | None = None
        self._seen = 0
        self._stored_at = 0.0
        self._doubtful: list[UUID] = []

    async def run_page(self, limit: int = PAGE) -> int:
        """Publish one page; answers how many positions it passed, 0 where there is no more.

        To be called when the log grows, and each second in any case: a place without effect is stored that often only.
        Raises DatabaseUnavailable; the next call begins again from the place that is stored.
        """
        stored = self._stored
        if stored is None:
            stored = self._seen = await self._load()
        page = await self._read_page(self._seen, limit)
        passed = page.through - self._seen
        if page.set_up:
            await self._caught_up(page.set_up)
        subscribed = {
            partner: tuple(self._subscriptions(partner)) for partner in {of.partner_id for of in page.settled}
        }
        deliveries = [
            delivery
            for event in page.settled
            for delivery in deliveries_for(event, subscribed[event.partner_id], self._epoch)
        ]
        overdue = page.through > stored and self._clock() - self._stored_at >= _STORE_SECONDS
        due = bool(deliveries or page.ended or self._doubtful) or overdue
        if due and not await self._store(stored, page, deliveries):
            return 0
        self._seen = page.through
        return passed

    def begin_again(self) -> None:
        """From the place that is stored: to be called when the server may have forgotten what it had committed last."""
        self._stored = None

    async def _load(self) -> int:
        with translated_faults():
            async with self._connections() as conn:
                self._stored = await within(conn, load_position(conn, CONSUMER), STATEMENT_SECONDS)
        self._stored_at = self._clock()
        return self._stored

    async def _store(self, stored: int, page: Page, deliveries: Sequence[NewDelivery]) -> bool:
        """Whether the page took effect; not where another publisher was at work."""
        # Until the commit is known to have happened, nothing is known: begin from what is stored, if this raises.
        self._stored = None
        try:
            with translated_faults():
                async with self._connections() as conn:
                    with during(CrashPoint.DELIVERIES_QUEUING):
                        queued = await within(conn, self._commit(conn, stored, page, deliveries), STATEMENT_SECONDS)
        except PositionMoved:
            _log.warning("webhook_position_moved", position=stored)
            return False
        except BaseException:
            # It may have committed, and then nobody was handed its rows. Given back, they fall due at once.
            self._doubtful = [*self._doubtful, *(delivery.id for delivery in deliveries)]
            raise
        self._doubtful = []
        self._stored = page.through
        self._stored_at = self._clock()
        if queued:
            reached(CrashPoint.DELIVERIES_QUEUED)
        self._offer(queued)
        return True

    async def _commit(
        self, conn: Connection, stored: int, page: Page, deliveries: Sequence[NewDelivery]
    ) -> list[LeasedDelivery]:
        stretch = Stretch(CONSUMER, stored, page.through)
        if not (self._doubtful or page.ended):
            return await enqueue(conn, stretch, deliveries, self._owner, self._lease_seconds)
        async with conn.transaction():
            if self._doubtful:
                await release(conn, self._owner, self._doubtful)
            if page.ended:
                # First: what is queued for a subscription that is active again by now is not to be killed.
                await kill_pending(conn, page.ended)
            queued = await enqueue(conn, stretch, deliveries, self._owner, self._lease_seconds)
            reached(CrashPoint.DELIVERIES_UNCOMMITTED)
            return queued
