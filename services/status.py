"""How the service stands: one report for the operators' API, the command line and Prometheus."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from projections.expiring_drafts import ExpiringDrafts
from projections.parked import parked_count
from projections.webhook_backlog import Backlog, backlog
from services.issuer.voids import voids_waiting

if TYPE_CHECKING:
    from infra.kafka.group_figures import GroupFigures
    from infra.postgres.reads import Reads
    from projections.directory import Directory
    from projections.orders import OrdersInFlight
    from services.kafka_standing import KafkaStanding

# A consumer that has not stored a position yet is shown with the log's whole length before it.
_CONSUMERS = """
with head as (select coalesce(max(notification_id), 0) as position from stored_events), consumer as (
    select named.name, coalesce(p.position, 0) as position, p.halted
    from unnest(%s::text[]) as named(name)
    left join consumer_positions p on p.name = named.name
)
select consumer.name, consumer.position, head.position, consumer.halted, (
    select extract(epoch from clock_timestamp() - e.recorded_at)::float8
    from stored_events e where e.notification_id = consumer.position + 1
)
from head, consumer order by consumer.name
"""

CONSUMERS = ("issuer", "orders", "voids", "webhooks")
WITH_KAFKA = (*CONSUMERS, "relay")
ISSUER = "issuer"


class ConsumerStatus(Struct, frozen=True, rename="camel"):
    """Where a consumer of the log stands. `halted`: why it stands still until somebody acts.

    With Kafka the issuer's is the consumer group: its figures count the topic's messages, of all partitions together.
    """

    name: str
    position: int
    head: int
    lag: int
    halted: str | None


class Status(Struct, frozen=True, rename="camel"):
    """`dead_letters`: messages on the Kafka topic that no consumer could handle; none without Kafka."""

    consumers: list[ConsumerStatus]
    in_flight: dict[str, int]
    oldest_in_flight_seconds: float
    dead_deliveries: int
    parked_events: int
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """`lag_seconds`: of each consumer, how long ago the first event that it has not passed was stored; 0 at the end.

    `oldest_in_flight_seconds`: since the order was submitted. `oldest_due_seconds`: since it may be picked up; an order
    that waits on a timer does not count. Both are 0 where there is no such order. `drafts_overdue_seconds`: since when
    the Draft whose time was up first should have been removed. `dead_letters`: None without Kafka, or where it does not
    tell.
    """

    consumers: Sequence[ConsumerStatus]
    log_position: int
    lag_seconds: Mapping[str, float]
    in_flight: Mapping[str, int]
    oldest_in_flight_seconds: float
    oldest_due_seconds: float
    drafts_overdue_seconds: float
    deliveries: Backlog
    parked_events: int
    voids_waiting: int
    dead_letters: int | None

    @property
    def status(self) -> Status:
        """What the contract tells of it."""
        return Status(
            consumers=list(self.consumers),
            in_flight=dict(self.in_flight),
            oldest_in_flight_seconds=self.oldest_in_flight_seconds,
            dead_deliveries=self.deliveries.dead,
            parked_events=self.parked_events,
            dead_letters=self.dead_letters or 0,
        )


class StatusReport:
    """Asks the database, and Kafka where there is one; nothing of it is remembered."""

    def __init__(
        self,
        reads: Reads,
        in_flight: OrdersInFlight,
        directory: Directory,
        *,
        now: Callable[[], datetime],
        kafka: KafkaStanding | None = None,
    ) -> None:
        self._reads = reads
        self._in_flight = in_flight
        self._directory = directory
        self._drafts = ExpiringDrafts(reads)
        self._now = now
        self._kafka = kafka
        self._consumers = list(CONSUMERS if kafka is None else WITH_KAFKA)

    async def read(self) -> Figures:
        """Raises DatabaseUnavailable; where Kafka does not answer, the report says so."""
        if self._kafka is None:
            return await self._read()
        figures, kafka = await asyncio.gather(self._read(), self._kafka.look())
        return _with_group(figures, kafka)

    async def _read(self) -> Figures:
        # All at once: one after the other, a slow database would be asked for longer than a caller waits.
        now = self._now()
        consumers, in_flight, (oldest_due, overdue), deliveries, parked_events, voids = await asyncio.gather(
            self._reads.rows(_CONSUMERS, (self._consumers,)),
            self._in_flight.counts(),
            asyncio.gather(
                self._in_flight.oldest_due(now),
                self._drafts.longest_overdue(self._directory.draft_ttl_seconds, now),
            ),
            backlog(self._reads),
            parked_count(self._reads),
            voids_waiting(self._reads),
        )
        return Figures(
            consumers=[
                ConsumerStatus(name, position, head, max(head - position, 0), halted)
                for name, position, head, halted, _ in consumers
            ],
            log_position=consumers[0][2],
            lag_seconds={name: max(seconds or 0.0, 0.0) for name, _, _, _, seconds in consumers},
            in_flight=in_flight.counts,
            oldest_in_flight_seconds=self._since(in_flight.oldest_submitted_at),
            oldest_due_seconds=self._since(oldest_due),
            drafts_overdue_seconds=round(overdue.total_seconds(), 3),
            deliveries=deliveries,
            parked_events=parked_events,
            voids_waiting=voids,
            dead_letters=None,
        )

    def _since(self, moment: datetime | None) -> float:
        return round(max((self._now() - moment).total_seconds(), 0.0), 3) if moment is not None else 0.0


def _with_group(figures: Figures, kafka: GroupFigures | str | None) -> Figures:
    """The issuer is the consumer group. Where Kafka does not tell, there is what a member told last, of the log."""
    consumers = [_of_group(one, kafka) if one.name == ISSUER else one for one in figures.consumers]
    known = kafka if not isinstance(kafka, str) else None
    behind = figures.oldest_due_seconds if known is None or known.place.lag else 0.0
    return dataclasses.replace(
        figures,
        consumers=consumers,
        lag_seconds={**figures.lag_seconds, ISSUER: behind},
        dead_letters=None if known is None else known.dead_letters,
    )


def _of_group(told: ConsumerStatus, kafka: GroupFigures | str | None) -> ConsumerStatus:
    if kafka is None:
        return told
    if isinstance(kafka, str):
        return replace(told, halted=told.halted or kafka)
    return replace(told, position=kafka.place.handled, head=kafka.place.end, lag=kafka.place.lag)
