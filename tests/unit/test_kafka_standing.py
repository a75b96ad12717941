"""What the report says of Kafka while it answers, once does not, and is away."""

from __future__ import annotations

import pytest

from infra.kafka.errors import KafkaUnavailable
from infra.kafka.group_figures import GroupFigures, Place
from infra.kafka.settings import KafkaSettings
from services import kafka_standing
from services.kafka_standing import AGAIN_SECONDS, KafkaStanding

FIGURES = GroupFigures(Place(3, 5), 1)
PATIENCE = 3 * AGAIN_SECONDS


class Kafka:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.answers = True
        self.asked = 0
        monkeypatch.setattr(kafka_standing, "group_figures", self._asked)

    async def _asked(self, _: KafkaSettings, seconds: float) -> GroupFigures:
        self.asked += 1
        assert seconds == 0.5
        if not self.answers:
            raise KafkaUnavailable("away")
        return FIGURES


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    return Kafka(monkeypatch)


def standing(kafka: Kafka, patience: float) -> KafkaStanding:
    return KafkaStanding(KafkaSettings(("kafka:9092",)), 0.5, patience, clock=lambda: kafka.now)


async def test_a_silence_is_told_once_it_lasts(kafka: Kafka) -> None:
    stands = standing(kafka, PATIENCE)
    assert await stands.look() == FIGURES
    kafka.answers = False
    for _ in range(3):
        assert await stands.look() == FIGURES
        kafka.now += AGAIN_SECONDS
    assert await stands.look() == "away"
    kafka.answers = True
    kafka.now += AGAIN_SECONDS
    assert await stands.look() == FIGURES


async def test_one_that_is_away_is_not_asked_at_each_look(kafka: Kafka) -> None:
    kafka.answers = False
    stands = standing(kafka, PATIENCE)
    assert [await stands.look() for _ in range(5)] == [None] * 5
    assert kafka.asked == 1


async def test_a_command_is_told_at_once(kafka: Kafka) -> None:
    kafka.answers = False
    assert await standing(kafka, 0.0).look() == "away"
