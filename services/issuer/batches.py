"""The saga run over a feed: a batch's orders are settled, then the feed is told so."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from infra.crash_points import CrashPoint, reached
from infra.event_store.group_commit import OutcomeUnknown, StoreUnavailable
from infra.feeds.signals import MAX_SIGNALS, FeedLost
from infra.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from services.issuer.feed import Feed
    from services.issuer.issuance import Issuance

log = structlog.get_logger()

RETRY_SECONDS = 0.5


async def settle_batches(feed: Feed, issuance: Issuance, *, pickup_seconds: float = 0.0) -> None:
    """Settle what the feed hands out, for ever. `pickup_seconds`: 0 is at once, else only at every so many seconds."""
    at_once = not pickup_seconds
    while True:
        try:
            batch = await feed.next_batch()
            reached(CrashPoint.BATCH_TAKEN)
            if not at_once:
                await asyncio.sleep(pickup_seconds - time.time() % pickup_seconds)
            at_once = True  # this batch, when it has to be taken again
            await issuance.settle([signal.order_id for signal in batch.signals])
            reached(CrashPoint.OUTCOME_SAVED)
            await feed.commit(batch)
            # What waits behind a full batch is picked up at the same time.
            at_once = not pickup_seconds or len(batch.signals) == MAX_SIGNALS
        except FeedLost:
            log.info("feed_lost")
            await feed.start()
        except (StoreUnavailable, OutcomeUnknown, DatabaseUnavailable) as error:
            # The batch stays in hand: orders that were leased meanwhile are found so, and passed over.
            log.warning("issuance_waits_for_store", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
