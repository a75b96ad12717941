"""The port to where the saga hears of orders; tried against a Kafka consumer group before it was frozen."""

from typing import Protocol
from uuid import UUID

from infra.feeds.signals import Batch


class Feed(Protocol):
    """Hands out batches in order. At least once: what was not committed is handed out again.

    `moved_at`: the monotonic time of the last commit, or of the start.
    """

    moved_at: float

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Also while `next_batch` waits. Never bounded by a time-out: a cancelled leave holds a group up."""

    async def next_batch(self) -> Batch:
        """The next signals, at least one; the batch in hand again until it was committed or lost."""

    async def commit(self, batch: Batch) -> None:
        """The batch's effects are durable; the whole batch, or FeedLost."""

    def relayed(self, position: int) -> None:
        """The relay has passed on the log up to here; told by the sweeper, of use to a feed behind a relay."""

    def passed(self, order_id: UUID, position: int) -> bool:
        """Whether this order's signal at this position was handed out and committed; False where that is not known."""
