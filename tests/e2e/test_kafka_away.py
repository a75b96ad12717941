"""Kafka away under load, as `python -m tests.chaos.kafka_away` shows it at length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.issuer.sweeper import FEED_STILL_SECONDS, SUBMITTED_GRACE
from tests.brokers import Broker, kafka_settings_of
from tests.e2e.kafka_away import away
from tests.e2e.service import Service

# The sweeper takes over when the feed has stood still for its time; then it has some seconds to show itself.
SWEPT_SECONDS = FEED_STILL_SECONDS + SUBMITTED_GRACE.total_seconds()
AWAY_SECONDS = SWEPT_SECONDS + 8
ORDERS_PER_SECOND = 40


@pytest.mark.timeout(300)
def test_without_kafka_orders_are_taken_read_and_settled_and_the_topic_is_whole_afterwards(
    service: Callable[..., Service], folder: Path, kafka_to_kill: Broker
) -> None:
    kafka = kafka_settings_of(kafka_to_kill)
    seen, faults = away(
        service, folder, kafka_to_kill, kafka, seconds=AWAY_SECONDS, rate=ORDERS_PER_SECOND, before=2, after=2
    )
    print(seen)
    assert not faults
    assert seen.accepted_meanwhile > AWAY_SECONDS * ORDERS_PER_SECOND / 2
    assert seen.reads_meanwhile > 0
    assert seen.first_settled_after < AWAY_SECONDS
    assert seen.settled_meanwhile > 5 * ORDERS_PER_SECOND, "no more than what was under way"
    assert seen.announced_meanwhile > 5 * ORDERS_PER_SECOND
    assert seen.depth > seen.accepted_meanwhile
