"""Which feed drives the saga here, the log or Kafka, and what follows from that for those who watch it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.feeds.log_backlog import LogBacklog
from infra.feeds.log_feed import LogFeed
from projections.pickup_backlog import PickUpBacklog

if TYPE_CHECKING:
    from infra.feeds.log_backlog import LooksAtBacklog
    from services.bootstrap import Platform
    from services.issuer.feed import Feed
    from services.kafka_standing import KafkaStanding
    from services.settings import Settings

SCRAPE_SECONDS = 0.5
"""A scrape is answered within a second, whatever it has to ask."""
COMMAND_SECONDS = 5.0
PATIENCE_SECONDS = 15.0

# Kafka's client takes a sixth of a second to import, which a process without it need not wait for: hence the places of
# the imports below.


@contextmanager
def feeding(platform: Platform) -> Iterator[Feed]:
    """The feed, not started; its figures are shown meanwhile."""
    settings = platform.settings
    if settings.kafka is None:
        yield LogFeed(platform.recorder, platform.pool, platform.listener)
        return
    from infra.feeds.kafka_feed import KafkaFeed
    from services.relay.integration_events import SUBMITTED

    name = f"{settings.instance}-issuer"
    feed = KafkaFeed(
        settings.kafka,
        platform.pool,
        SUBMITTED,
        client_id=name,
        # By the host's name two processes would have one, and each would throw the other out.
        member_name=name if settings.instance_is_named else None,
        longest_wait=settings.pickup_seconds,
    )
    with platform.telemetry.shown(feed.figures.families):
        yield feed


def backlog_of(platform: Platform) -> LooksAtBacklog:
    """What the saga has still to pick up."""
    return LogBacklog(platform.reads) if platform.settings.kafka is None else PickUpBacklog(platform.reads)


def kafka_standing(settings: Settings, *, at_once: bool = False) -> KafkaStanding | None:
    """None without Kafka. `at_once`: for a command, which looks once, connects for it, and tells what it finds."""
    if settings.kafka is None:
        return None
    from services.kafka_standing import KafkaStanding

    seconds, patience = (COMMAND_SECONDS, 0.0) if at_once else (SCRAPE_SECONDS, PATIENCE_SECONDS)
    return KafkaStanding(settings.kafka, seconds, patience)
