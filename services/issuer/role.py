"""The role: with the log as feed one issuer works at a time, others stand by and take over within the lease; with Kafka
all of them work, each on its share, and what one leaves behind any of them sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from infra.postgres.leases import Lease
from projections.expiring_drafts import ExpiringDrafts
from services.bootstrap import now
from services.feeds import feeding
from services.issuer.batches import settle_batches
from services.issuer.expiry import DraftExpiry
from services.issuer.issuance import Issuance
from services.issuer.sweeper import Sweeper
from services.issuer.voids import Voids
from services.tasks import kept_up

if TYPE_CHECKING:
    from services.bootstrap import Platform

LEASE = "issuer"
LEASE_SECONDS = 5.0
STOP_SECONDS = 2.0


@asynccontextmanager
async def issuer_role(platform: Platform) -> AsyncIterator[None]:
    """Settles orders, and has Drafts expire, until left; outcomes under way are saved first."""
    issuance, resumption = (
        Issuance(
            platform.orders,
            platform.group_commit,
            platform.issuer,
            platform.directory,
            owner=platform.owner,
            now=now,
            max_wallets=platform.settings.max_wallets,
            traces=platform.traces,
        )
        for _ in range(2)
    )
    with feeding(platform) as feed:
        sweeper = Sweeper(feed, resumption, platform.in_flight, now=now)
        voids = Voids(platform.pool, platform.issuer)
        expiry = DraftExpiry(ExpiringDrafts(platform.reads), platform.ordering, platform.directory, now=now)
        lease = Lease(platform.pool, LEASE, platform.owner, LEASE_SECONDS)

        async def settle() -> None:
            await settle_batches(feed, issuance, pickup_seconds=platform.settings.pickup_seconds)

        async def work() -> None:
            await feed.start()
            try:
                async with asyncio.TaskGroup() as group:
                    # Each for itself: a fault of the one must not keep the others from going on.
                    group.create_task(kept_up("issuance", settle))
                    group.create_task(kept_up("sweeper", sweeper.run))
                    group.create_task(kept_up("voids", voids.run))
                    group.create_task(kept_up("expiry", expiry.run))
            finally:
                await feed.stop()

        issuing = platform.tasks.run("issuer", lambda: lease.hold(work) if feed.exclusive else work())
        try:
            with platform.telemetry.shown(expiry.families):
                yield
        finally:
            await platform.tasks.end(issuing)
            await asyncio.gather(issuance.finish(STOP_SECONDS), resumption.finish(STOP_SECONDS))
