"""The port to where the saga hears of orders; tried against a Kafka consumer group before it was frozen."""

from typing import Protocol
from uuid import UUID

from infra.feeds.signals import Batch


class Feed(Protocol):
    """Hands out batches in order. At least once: what was not committed is handed out again.

    `exclusive`: for one process at a time, which holds a lease on it.
    """

    @property
    def exclusive(self) -> bool: ...

    @property
    def moved_at(self) -> float:
        """The monotonic time of the last commit, or of the start; of another process' where nothing is left for us."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Also while `next_batch` waits. Never bounded by a time-out: a cancelled leave holds a group up."""

    async def next_batch(self) -> Batch:
        """The next signals, at least one; the batch in hand again until it was committed or lost."""

    async def commit(self, batch: Batch) -> None:
        """The batch's effects are durable; the whole batch, or FeedLost."""

    def passed(self, order_id: UUID, position: int) -> bool:
        """Whether this order's signal at this position was handed out and committed; False where that is not known."""
