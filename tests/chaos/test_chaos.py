"""Five short rounds with Kafka, or without where there is none, and two without; between them with every way of
hitting. `make chaos` runs long ones, of any seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.brokers import Broker, what_is_missing
from tests.chaos.deployment import Deployment, deployment
from tests.chaos.round import SHORT, run_round
from tests.chaos.storm import plan

SEEDS = (184, 301, 511, 1313, 1486)
SEEDS_WITHOUT_KAFKA = (7, 26)


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Broker | None:
    """None where there can be none; with CI=true there must be."""
    if os.environ.get("CI") != "true" and what_is_missing() is not None:
        return None
    started: Broker = request.getfixturevalue("kafka_to_kill")
    return started


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_hit_every_answer_stays_true(seed: int, broker: Broker | None) -> None:
    hold(seed, broker)


@pytest.mark.parametrize("seed", SEEDS_WITHOUT_KAFKA)
def test_the_same_where_the_log_is_the_feed(seed: int) -> None:
    hold(seed, None)


def hold(seed: int, broker: Broker | None) -> None:
    report = run_round(seed, SHORT, broker)
    print("\n".join(report.lines()))
    assert not report.faults, "\n".join(report.lines())
    assert report.counts["settled"] > 0
    assert report.counts["looks at what is noted as done"] > 0
    if broker is not None:
        assert report.counts["offsets looked at"] > 0
        assert report.counts["messages"] > 0


class _NoBroker:
    bootstrap = "127.0.0.1:1"


def test_between_them_these_rounds_hit_everything_in_every_way(tmp_path: Path) -> None:
    with_kafka = deployment(0, SHORT, tmp_path, _NoBroker())  # type: ignore[arg-type]
    assert with_kafka.broker is not None
    hit = hits(with_kafka, SEEDS)
    roles = {"api", "relay", "projector", "issuer", "webhooks"}
    assert {role for role, _ in hit} == {*roles, "postgres", "broker"}
    assert {way for role, way in hit if role == "postgres"} == with_kafka.postgres.ways.keys()
    assert {way for role, way in hit if role == "broker"} == with_kafka.broker.ways.keys()
    assert {way for role, way in hit if role in roles} == with_kafka.services[0].ways.keys()
    without = hits(deployment(0, SHORT, tmp_path), SEEDS_WITHOUT_KAFKA)
    assert {role for role, _ in without} == {*roles, "postgres"} - {"relay"}


def hits(deployed: Deployment, seeds: tuple[int, ...]) -> set[tuple[str, str]]:
    """By role and way. (Short rounds of one kind are all deployed in the same way.)"""
    plans = [plan(seed, SHORT, deployed.targets) for seed in seeds]
    return {(one.target.partition("-")[0], one.way) for planned in plans for one in planned}
