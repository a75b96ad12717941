"""Orders leased for issuance, each with the places that its tickets take: durable before anything outside is called.

Where too few places are left the order is decided again, as sold out, and saved so at once. If the process dies before
a save, nothing has happened to its order, and it is picked up anew; after it, the places are held, and the job is taken
up again by the sweeper once its lease has run out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from domain.allotment.taking import VisitSlot
from domain.issuance.issuer import IssuanceRefused, IssueJob
from domain.issuance.line_items import items_of
from domain.issuance.saga import SagaMessage, Seen, SoldOut
from domain.order.state import Processing, Scheduled, Submitted
from infra.event_store.outcomes import Appended, TooFewPlaces
from infra.ids import uuid7
from infra.postgres.errors import DatabaseUnavailable
from services.issuer.steps import Step, Steps, failure, outcomes

if TYPE_CHECKING:
    from uuid import UUID

    from domain.catalog.items import Catalog
    from domain.order.content import OrderContent
    from projections.directory import Directory
    from services.ordering.orders import LoadedOrder, Orders

LEASE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """An order in Processing under our lease, and its job."""

    order: LoadedOrder
    job: IssueJob


@dataclass(slots=True)
class Leased:
    """What is to be issued. `failure`: what kept others from being leased, if the store did."""

    started: list[Started] = field(default_factory=list)
    failure: Exception | None = None


class Leasing:
    """Takes up orders that wait, and jobs that were left. `owner` is unique to this start of this process."""

    def __init__(
        self,
        orders: Orders,
        steps: Steps,
        directory: Directory,
        *,
        owner: str,
        now: Callable[[], datetime],
        max_wallets: int,
    ) -> None:
        self._orders = orders
        self._steps = steps
        self._directory = directory
        self._owner = owner
        self._now = now
        self._max_wallets = max_wallets

    async def lease(self, order_ids: Sequence[UUID]) -> Leased:
        """Raises DatabaseUnavailable where nothing was leased yet."""
        now = self._now()
        orders = list((await self._orders.load(order_ids, with_keys=False)).values())
        await self._look_before_refusing(orders, now)
        leased = Leased()
        version = self._directory.catalog_version
        short = await self._save([(order, self._seen(now)) for order in orders], leased, now)
        if short:
            try:
                await self._save(await self._sold_out(short, version, leased, now), leased, now)
            except DatabaseUnavailable as error:
                leased.failure = error
        return leased

    async def _look_before_refusing(self, orders: Iterable[LoadedOrder], now: datetime) -> None:
        """A job is issued by the catalog by which it starts. The order may have been accepted by one that this process
        has not read yet: before an older one refuses it, we look."""
        catalog = self._directory.catalog
        waiting = [order.state.content for order in orders if isinstance(order.state, Submitted | Scheduled)]
        if not all(_can_be_had(content, catalog, now, self._max_wallets) for content in waiting):
            await self._directory.refresh()

    async def _sold_out(
        self, short: list[tuple[Step, TooFewPlaces]], version: int, leased: Leased, now: datetime
    ) -> list[tuple[LoadedOrder, SagaMessage]]:
        """What those for which too few places were left have now learned: after a look at whether a newer catalog than
        the one of this `version` gives more."""
        await self._directory.refresh()
        if self._directory.catalog_version != version:
            short = await self._save([(step.before, self._seen(now)) for step, _ in short], leased, now)
        learned: list[tuple[LoadedOrder, SagaMessage]] = []
        for step, conflict in short:
            taking = step.append.slots[conflict.at]
            slot = VisitSlot(taking.admission, taking.visit_date, taking.slot_start)
            if isinstance(step.message, Seen):
                learned.append((step.before, SoldOut(step.message, slot, conflict.left)))
        return learned

    async def _save(
        self, learned: Iterable[tuple[LoadedOrder, SagaMessage]], leased: Leased, now: datetime
    ) -> list[tuple[Step, TooFewPlaces]]:
        """Take these steps; what was leased by them goes to `leased`. Those for which too few places were left."""
        steps = [step for order, message in learned if (step := self._steps.take(order, message, now)) is not None]
        short = []
        for step, outcome in zip(steps, await outcomes(steps), strict=True):
            match outcome:
                case Exception():
                    leased.failure = failure(step, outcome) or leased.failure
                case TooFewPlaces():
                    short.append((step, outcome))
                case Appended() if isinstance(state := step.after.state, Processing):
                    job = IssueJob(
                        state.job_id, step.after.order_id, state.order, state.content, now, state.catalog_version
                    )
                    leased.started.append(Started(step.after, job))
                case _:
                    pass  # another was faster, or it is settled
        return short

    def _seen(self, now: datetime) -> Seen:
        directory = self._directory
        return Seen(now, self._owner, uuid7(), LEASE_SECONDS, directory.catalog, directory.catalog_version)


def _can_be_had(content: OrderContent, catalog: Catalog | None, now: datetime, max_wallets: int) -> bool:
    try:
        return catalog is not None and bool(items_of(content, catalog, now, max_wallets))
    except IssuanceRefused:
        return False
