"""Issuers over Kafka that die, share and find less on the topic than there was: each order is settled, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from infra.crash_points import CrashPoint
from infra.kafka.settings import KafkaSettings
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import Shop
from tests.e2e.service import Service, wait_for
from tests.e2e.topic import kafka_environment
from tests.kafka_records import delete_topic, figures_of, truncate_topic

OTHER_ROLES = "api,relay,projector,webhooks"
SECONDS = 60.0


def _lag(kafka: KafkaSettings) -> int:
    return asyncio.run(figures_of(kafka)).place.lag


def _serve(shop: Shop, kafka: KafkaSettings) -> Service:
    return shop.start("--port", "0", "--roles", OTHER_ROLES, settings=kafka_environment(kafka))


def _issuer(shop: Shop, kafka: KafkaSettings, name: str | None, at: CrashPoint | None = None) -> Service:
    named = {} if name is None else {"OTA_CM_INSTANCE": name}
    return shop.make("--roles", "issuer", at=at, settings={**kafka_environment(kafka), **named}).start()


def _nothing_leased(shop: Shop) -> None:
    assert shop.events("order.processing.v1") == 0


def _leased(shop: Shop) -> None:
    assert shop.events("order.processing.v1") > 0


AT_DEATH: dict[CrashPoint, Callable[[Shop], None]] = {
    CrashPoint.BATCH_TAKEN: _nothing_leased,
    CrashPoint.OUTCOME_SAVED: _leased,
}


@at(*AT_DEATH)
def test_a_batch_that_was_not_committed_comes_again(
    point: CrashPoint, shop: Shop, kafka_settings: KafkaSettings
) -> None:
    _serve(shop, kafka_settings)
    armed = _issuer(shop, kafka_settings, "the-issuer", point)
    shop.sell()
    dies(armed, point)
    AT_DEATH[point](shop)
    assert _lag(kafka_settings) > 0
    # It comes back under its name, and need not wait for the end of the dead one's session.
    _issuer(shop, kafka_settings, "the-issuer").ready()
    shop.sell("S", each=1)
    shop.is_whole()
    assert _lag(kafka_settings) == 0


def test_two_issuers_share_the_orders_and_one_takes_over_from_a_dead_one(
    shop: Shop, kafka_settings: KafkaSettings
) -> None:
    _serve(shop, kafka_settings)
    one, other = _issuer(shop, kafka_settings, None), _issuer(shop, kafka_settings, None)
    for issuer in (one, other):
        issuer.ready()
        wait_for("a share", partial(_has_joined, issuer), SECONDS)
    wait_for("both at work", lambda: _owners_after_a_sale(shop) == 2, SECONDS)
    shop.sell("T", each=4)
    one.kill()
    shop.sell("U", each=4)
    shop.is_whole()
    other.terminate()
    assert other.exit_status() == 0


async def _truncated(kafka: KafkaSettings) -> None:
    for partition in range(kafka.partitions):
        await truncate_topic(kafka, partition, -1)


@pytest.mark.parametrize("lose", [_truncated, delete_topic], ids=["truncated", "deleted"])
def test_orders_that_the_topic_has_lost_are_swept(
    lose: Callable[[KafkaSettings], Awaitable[None]], shop: Shop, kafka_settings: KafkaSettings
) -> None:
    _serve(shop, kafka_settings)
    shop.sell()
    head = shop.count("select max(notification_id) from stored_events")
    wait_for("relayed", lambda: shop.position("relay") == head, SECONDS)
    asyncio.run(_lost(lose, kafka_settings))
    _issuer(shop, kafka_settings, None).ready()
    shop.is_whole()
    shop.sell("S", each=1)
    shop.is_whole()


async def _lost(lose: Callable[[KafkaSettings], Awaitable[None]], kafka: KafkaSettings) -> None:
    await lose(kafka)


def _has_joined(issuer: Service) -> bool:
    return "kafka_partitions_assigned" in issuer.output()


def _owners_after_a_sale(shop: Shop) -> int:
    """How many issuers have leased orders, after one more was sold to each customer."""
    shop.sell(f"R{shop.events('order.submitted.v1')}", each=1)
    return shop.count(
        "select count(distinct convert_from(state, 'UTF8')::json #>> '{data,lease,owner}') from stored_events"
        " where topic = 'order.processing.v1'"
    )
