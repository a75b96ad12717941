"""What a feed hands out: which orders were submitted, replaced or reprocessed."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

MAX_SIGNALS = 256
"""Of a batch. One that is full has more behind it."""


class OrderSignal(NamedTuple):
    """An order that waits for issuance: `version` in its stream, `position` in the whole log."""

    order_id: UUID
    version: int
    position: int


class Batch(NamedTuple):
    """Signals in the order of the log, at least one; `cursor` is the feed's own."""

    signals: tuple[OrderSignal, ...]
    cursor: object


class FeedLost(Exception):
    """What was handed out is no longer ours: nothing was committed, and it will be handed out again."""
