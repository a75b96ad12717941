"""Five short rounds, between them with every way of hitting; `make chaos` runs long ones, of any seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.round import SHORT, deployment, run_round
from tests.chaos.storm import plan

SEEDS = (7, 15, 26, 33, 35)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_hit_every_answer_stays_true(seed: int) -> None:
    report = run_round(seed, SHORT)
    print("\n".join(report.lines()))
    assert not report.faults, "\n".join(report.lines())
    assert report.counts["settled"] > 0
    assert report.counts["looks at what is noted as done"] > 0


def test_between_them_these_rounds_hit_everything_in_every_way(tmp_path: Path) -> None:
    services, postgres = deployment(0, SHORT, tmp_path)  # of short rounds it is always the same
    plans = [plan(seed, SHORT, [*services, postgres]) for seed in SEEDS]
    hit = {(one.target.partition("-")[0], one.way) for hits in plans for one in hits}
    roles = {"api", "projector", "issuer", "webhooks"}
    assert {role for role, _ in hit} == {*roles, "postgres"}
    assert {way for role, way in hit if role == "postgres"} == postgres.ways.keys()
    assert {way for role, way in hit if role in roles} == services[0].ways.keys()
