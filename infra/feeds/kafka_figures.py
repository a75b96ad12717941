"""Figures of what this process takes from the topic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.telemetry.instruments import counter, gauge

if TYPE_CHECKING:
    from prometheus_client import Metric


class FeedFigures:
    """`partitions`: that this process reads now. `lost`: batches that were not committed, and come again."""

    def __init__(self) -> None:
        self.partitions = 0
        self.messages = 0
        self.rebalances = 0
        self.lost = 0
        self.dead_letters = 0

    def families(self) -> Iterable[Metric]:
        """May be asked in another thread."""
        yield gauge("ota_cm_feed_partitions", "Partitions of the topic that this process reads.", self.partitions)
        yield counter(
            "ota_cm_feed_messages_total", "Messages that this process has read from the topic.", {(): self.messages}
        )
        yield counter(
            "ota_cm_feed_rebalances_total",
            "How often the partitions were dealt out anew while this process took part.",
            {(): self.rebalances},
        )
        yield counter(
            "ota_cm_feed_batches_lost_total",
            "Batches whose offsets could not be committed; they come again, here or elsewhere.",
            {(): self.lost},
        )
        yield counter(
            "ota_cm_feed_dead_letters_total",
            "Messages that this process could not read and sent to the dead-letter topic.",
            {(): self.dead_letters},
        )
