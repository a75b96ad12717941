"""A sender on the test's database, for endpoints that the test lays out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import aiohttp

from infra.postgres.connections import Pool
from projections.webhook_deliveries import NewDelivery
from services.webhooks.address_guard import Network, parse_networks
from services.webhooks.client import open_session
from services.webhooks.endpoints import Endpoint
from services.webhooks.limits import Limits
from services.webhooks.marks import Connections
from services.webhooks.sender import Sender
from tests.integration.webhooks.queue import enqueue

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = parse_networks("127.0.0.0/8,::1/128")
SOON = (0.02, 0.02, 0.02)
"""Waits for tests that need retries at once."""


@dataclass
class Endpoints:
    """The directory, as far as a sender sees it. `gone`: which subscriptions the sender had disabled."""

    known: dict[UUID, Endpoint] = field(default_factory=dict)
    gone: list[UUID] = field(default_factory=list)

    def add(self, subscription_id: UUID, url: str, *secrets: str) -> UUID:
        self.known[subscription_id] = Endpoint(subscription_id, url, secrets or (SECRET,), "active")
        return subscription_id

    def disable(self, subscription_id: UUID) -> None:
        self.known[subscription_id] = replace(self.known[subscription_id], state="disabled")

    async def on_gone(self, subscription_id: UUID) -> None:
        self.gone.append(subscription_id)
        self.disable(subscription_id)


@asynccontextmanager
async def session(
    allowed: Sequence[Network] = LOOPBACK, *, attempt_seconds: float = 15
) -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session(allowed, attempt_seconds=attempt_seconds) as opened:
        yield opened


@asynccontextmanager
async def sending(
    pool: Pool,
    endpoints: Endpoints,
    *,
    owner: str = "me",
    allowed: Sequence[Network] = LOOPBACK,
    waits: Sequence[float] = SOON,
    limits: Limits | None = None,
    connections: Connections | None = None,
) -> AsyncIterator[Sender]:
    """A sender that was started, and is stopped at the end."""
    limits = limits if limits is not None else Limits()
    async with session(allowed, attempt_seconds=limits.attempt_seconds) as opened:
        sender = Sender(
            owner=owner,
            session=opened,
            endpoint=endpoints.known.get,
            connections=connections if connections is not None else pool.connection,
            on_gone=endpoints.on_gone,
            waits=waits,
            limits=limits,
        )
        await sender.start()
        try:
            yield sender
        finally:
            await sender.stop(0.2)


async def queue_and_offer(pool: Pool, sender: Sender, deliveries: Sequence[NewDelivery]) -> None:
    """As the publisher does: insert them leased, commit, hand them over."""
    async with pool.connection() as conn:
        queued = await enqueue(conn, deliveries, sender.owner, sender.limits.lease_seconds)
    sender.offer(queued)
