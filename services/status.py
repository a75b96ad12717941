"""How the service stands: the same figures for the operators' API and the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from projections.parked import parked_count
from projections.webhook_deliveries import dead_count

if TYPE_CHECKING:
    from infra.postgres.reads import Reads
    from projections.orders import OrdersInFlight

# A consumer that has not stored a position yet is shown with the log's whole length before it.
_CONSUMERS = """
with head as (select coalesce(max(notification_id), 0) as position from stored_events)
select named.name, coalesce(p.position, 0), head.position, p.halted
from head, unnest(%s::text[]) as named(name)
left join consumer_positions p on p.name = named.name
order by named.name
"""

CONSUMERS = ("issuer", "orders", "voids", "webhooks")


class ConsumerStatus(Struct, frozen=True, rename="camel"):
    """Where a consumer of the log stands. `halted`: why it does not go on by itself."""

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


class StatusReport:
    """Asks the database; nothing of it is remembered."""

    def __init__(self, reads: Reads, in_flight: OrdersInFlight, *, now: Callable[[], datetime]) -> None:
        self._reads = reads
        self._in_flight = in_flight
        self._now = now

    async def read(self) -> Status:
        """Raises DatabaseUnavailable."""
        consumers = [
            ConsumerStatus(name, position, head, max(head - position, 0), halted)
            for name, position, head, halted in await self._reads.rows(_CONSUMERS, (list(CONSUMERS),))
        ]
        in_flight = await self._in_flight.counts()
        oldest = in_flight.oldest_submitted_at
        return Status(
            consumers=consumers,
            in_flight=dict(in_flight.counts),
            oldest_in_flight_seconds=round((self._now() - oldest).total_seconds(), 3) if oldest is not None else 0.0,
            dead_deliveries=await dead_count(self._reads),
            parked_events=await parked_count(self._reads),
        )
