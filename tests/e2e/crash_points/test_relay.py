"""Death of the relay: its pages are sent again rather than left out, and orders settle and are announced without it."""

from __future__ import annotations

from collections.abc import Callable

from infra.crash_points import CrashPoint
from infra.kafka.settings import KafkaSettings
from tests.e2e.crash_points.deaths import at, dies
from tests.e2e.crash_points.shop import Shop
from tests.e2e.service import wait_for
from tests.e2e.topic import faults_of_topic, kafka_environment, records, repeats

# The dead one's lease lasts five seconds.
RELAYED_SECONDS = 40.0


def _nothing_sent(shop: Shop, kafka: KafkaSettings) -> None:
    assert (shop.position("relay"), records(kafka)) == (0, [])


def _sent_and_not_stored(shop: Shop, kafka: KafkaSettings) -> None:
    assert shop.position("relay") == 0
    assert records(kafka)


AT_DEATH: dict[CrashPoint, Callable[[Shop, KafkaSettings], None]] = {
    CrashPoint.RELAY_LEASED: _nothing_sent,
    CrashPoint.RELAY_PAGE_READ: _nothing_sent,
    CrashPoint.RELAY_PAGE_SENT: _sent_and_not_stored,
}


@at(*AT_DEATH)
def test_on_the_way_to_kafka(point: CrashPoint, shop: Shop, kafka_settings: KafkaSettings) -> None:
    environment = kafka_environment(kafka_settings)
    shop.start()
    armed = shop.make("--roles", "relay", at=point, settings=environment).start()
    shop.sell()
    dies(armed, point)
    AT_DEATH[point](shop, kafka_settings)
    sent = len(records(kafka_settings))
    shop.start("--roles", "relay", settings=environment)
    shop.is_whole()
    head = shop.count("select max(notification_id) from stored_events")
    wait_for("relayed", lambda: shop.position("relay") == head, RELAYED_SECONDS)
    found = records(kafka_settings)
    assert [*faults_of_topic(found, shop.database())] == []
    assert len(repeats(found)) == sent
