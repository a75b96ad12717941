"""The role: publisher and sender over one queue, run together in a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.streams import subscription_stream
from domain.subscription import ENDPOINT_GONE, Active, DisableSubscription, SubscriptionNotFound, decide
from infra.event_store.field_encryption import open_text
from infra.event_store.mapper import Actor
from infra.ids import uuid7
from infra.postgres.errors import DatabaseUnavailable
from projections.webhook_deliveries import prune
from services.bootstrap import now
from services.ordering.context import CommandContext
from services.setup.streams import SUBSCRIPTIONS
from services.webhooks.client import open_session
from services.webhooks.endpoints import Endpoint
from services.webhooks.living import Living
from services.webhooks.publisher import PAGE, Publisher
from services.webhooks.sender import Sender
from services.webhooks.settlements import Settlements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.directory import Subscribed
    from services.bootstrap import Platform

log = structlog.get_logger()

RETRY_SECONDS = 0.5
PRUNE_SECONDS = 3600.0
STOP_SECONDS = 2.5

_WEBHOOKS = Actor(scope="webhooks")


@asynccontextmanager
async def webhooks_role(platform: Platform) -> AsyncIterator[None]:
    """Publishes and sends until left; what is under way then ends first."""
    settings = platform.settings
    async with open_session(settings.webhook_allowed_networks) as session:
        endpoints = Endpoints(platform)
        sender = Sender(
            owner=platform.owner,
            session=session,
            endpoint=endpoints.find,
            connections=platform.pool.connection,
            on_gone=endpoints.disable,
            waits=settings.webhook_waits,
            traces=platform.traces,
        )
        publisher = Publisher(
            read_page=Settlements(platform.reads).page,
            subscriptions=endpoints.of_partner,
            caught_up=endpoints.caught_up,
            connections=platform.pool.connection,
            offer=sender.offer,
            owner=platform.owner,
            lease_seconds=sender.limits.lease_seconds,
            epoch=platform.epoch,
        )
        living = Living(platform.pool, platform.owner, sender.held, publisher.begin_again)
        await living.begin()
        living_on = platform.tasks.run("webhook_living", living.run)
        await sender.start()
        woken = platform.listener.subscribe("settled", "setup")
        publishing = platform.tasks.run("webhook_publisher", lambda: _publish(publisher, woken))
        pruning = platform.tasks.run("webhook_pruning", lambda: _prune(platform))
        try:
            with platform.telemetry.shown(sender.figures.families):
                yield
        finally:
            await platform.tasks.end(publishing, pruning)
            platform.listener.unsubscribe(woken)
            await sender.stop(STOP_SECONDS)
            await platform.tasks.end(living_on)


class Endpoints:
    """Where deliveries go, from the directory in memory; each secret is opened once."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._opened: dict[UUID, tuple[Subscribed, Endpoint]] = {}

    def find(self, subscription_id: UUID) -> Endpoint | None:
        known = self._platform.directory.subscriptions.get(subscription_id)
        if known is None:
            self._opened.pop(subscription_id, None)
            return None
        opened = self._opened.get(subscription_id)
        if opened is None or opened[0] is not known:
            opened = self._opened[subscription_id] = (known, self._open(subscription_id, known))
        return opened[1]

    def _open(self, subscription_id: UUID, known: Subscribed) -> Endpoint:
        living = known.subscription
        cipher = self._platform.secrets.key_ring.cipher(known.key) if known.key is not None else None
        return Endpoint(
            subscription_id,
            living.subscriber.notification_url,
            (open_text(living.secret, cipher),),
            "active" if isinstance(living, Active) else "disabled",
        )

    def of_partner(self, partner_id: UUID) -> Iterable[Subscribed]:
        return [
            known
            for known in self._platform.directory.subscriptions.values()
            if known.subscription.subscriber.partner_id == partner_id
        ]

    async def caught_up(self, position: int) -> None:
        """No subscription made before this position is missed: the directory has read that far, or reads again."""
        if self._platform.directory.position < position:
            await self._platform.directory.refresh()

    async def disable(self, subscription_id: UUID) -> None:
        """Its endpoint answered 410. Harmless where it is disabled or deleted already."""
        context = CommandContext(uuid7(), now(), _WEBHOOKS, correlation_id=uuid7().hex)
        try:
            await self._platform.setup.change(
                SUBSCRIPTIONS,
                subscription_stream(subscription_id),
                lambda loaded: decide(loaded.state, DisableSubscription(ENDPOINT_GONE)),
                context,
            )
        except SubscriptionNotFound:
            log.info("gone_subscription_not_found", subscription_id=str(subscription_id))


async def _publish(publisher: Publisher, woken: asyncio.Event) -> None:
    while True:
        woken.clear()
        try:
            # A page that is not full ends the log: whoever stores more after it was read wakes us.
            while await publisher.run_page() >= PAGE:
                pass
        except DatabaseUnavailable as error:
            log.warning("webhook_publisher_waits_for_store", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            continue
        await woken.wait()


async def _prune(platform: Platform) -> None:
    settings = platform.settings
    while True:
        async with platform.pool.connection() as connection:
            while await prune(
                connection, delivered_days=settings.webhook_keep_days, dead_days=settings.webhook_keep_dead_days
            ):
                pass
        await asyncio.sleep(PRUNE_SECONDS)
