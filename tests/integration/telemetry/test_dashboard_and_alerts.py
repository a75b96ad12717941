"""The dashboard, the alert rules and the README speak of metrics that a real service shows, and of no others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.webhooks.role import webhooks_role
from tests.integration.api.shop import Shop, projecting
from tests.integration.telemetry.promql import Names, NotPromQL, names
from tests.integration.telemetry.scraped import Scraped, scrape

REPOSITORY = Path(__file__).resolve().parents[3]
ALERTS = REPOSITORY / "infra/prometheus/alerts.yaml"
DASHBOARDS = REPOSITORY / "infra/grafana/dashboards"
_OF_PROMETHEUS = {"up"}
_LABELS_OF_PROMETHEUS = {"instance", "job"}
_ONLY_EMBEDDED = {"ota_cm_disk_free_bytes"}
"""Shown with an embedded PostgreSQL alone: tests/e2e/test_metrics.py sees it."""


def _rules() -> list[dict[str, Any]]:
    with ALERTS.open() as file:
        (group,) = yaml.safe_load(file)["groups"]
    return list(group["rules"])


def _queries() -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression."""
    for rule in _rules():
        yield rule["alert"], rule["expr"]
    for dashboard in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(dashboard.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], target["expr"]


QUERIES = list(_queries())
_ALWAYS, _, _WITH_KAFKA = (REPOSITORY / "README.md").read_text().partition("| metric where Kafka is used |")
LISTED, LISTED_WITH_KAFKA = (
    re.findall(r"^\| `(ota_cm_\w+)[`{]", table, re.MULTILINE) for table in (_ALWAYS, _WITH_KAFKA)
)


@pytest.fixture
async def scraped(shop: Shop) -> AsyncIterator[Scraped]:
    """Of a process with all roles, after some work."""
    async with AsyncExitStack() as stack:
        for role in (projecting(shop), webhooks_role(shop.platform), shop.issuing()):
            await stack.enter_async_context(role)
        await shop.issued()
        yield await scrape(shop)


async def test_every_query_uses_metrics_and_labels_that_exist(scraped: Scraped) -> None:
    known = scraped.names | _OF_PROMETHEUS | _ONLY_EMBEDDED | set(LISTED_WITH_KAFKA)
    labels = scraped.labels | _LABELS_OF_PROMETHEUS
    unknown = {where: strange for where, query in QUERIES if (strange := names(query).metrics - known)}
    assert unknown == {}
    unknown = {where: strange for where, query in QUERIES if (strange := names(query).labels - labels)}
    assert unknown == {}
    assert len(QUERIES) > 40


async def test_the_readme_lists_every_metric_of_ours_and_no_other(scraped: Scraped) -> None:
    ours = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in scraped.families.values()
        if family.name.startswith("ota_cm_")
    }
    assert sorted(LISTED) == sorted(ours | _ONLY_EMBEDDED)


async def test_every_metric_says_what_it_is_and_has_a_unit_of_the_conventions(scraped: Scraped) -> None:
    for family in scraped.families.values():
        assert family.documentation, family.name
        assert not re.search(r"_(ms|millis|milliseconds|minutes|kb|mb|percent)(_|$)", family.name), family.name
        assert all("_total" in sample.name for sample in family.samples) is (family.type == "counter") or not (
            family.samples
        ), family.name


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "meaning", "action"}
    assert all(text.strip() for text in rule["annotations"].values())
    for text in rule["annotations"].values():
        assert text.count("{{") == text.count("}}")


def test_alerts_are_named_once() -> None:
    alerts = [rule["alert"] for rule in _rules()]
    assert len(set(alerts)) == len(alerts)


def test_the_folders_that_a_compose_file_mounts_belong_together() -> None:
    provisioning = REPOSITORY / "infra/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"][0]
    dashboard = json.loads((DASHBOARDS / "ota-channel-manager.json").read_text())
    (variable,) = (one for one in dashboard["templating"]["list"] if one["type"] == "datasource")
    assert source["uid"] == variable["current"]["value"]
    scraping = yaml.safe_load((REPOSITORY / "infra/prometheus/prometheus.yaml").read_text())
    assert all((REPOSITORY / "infra/prometheus" / file).is_file() for file in scraping["rule_files"])
    jobs = {job["job_name"] for job in scraping["scrape_configs"]}
    asked = {job for _, query in QUERIES for job in re.findall(r'job="([^"]*)"', query)}
    assert asked == jobs


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_own_tool_accepts_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_names_are_found_where_they_stand() -> None:
    found = names('max by (consumer) (rate(a_total{x=~"b(c",by="1"}[5m])) / on (i) b_bucket > 2 or vector(1) offset 5m')
    assert found.metrics == {"a_total", "b_bucket"}
    assert found.labels == {"consumer", "x", "by", "i"}
    found = names("histogram_quantile(0.99, sum by (le, instance) (rate(c_bucket[$__rate_interval])))")
    assert found == Names(frozenset({"c_bucket"}), frozenset({"le", "instance"}))
    for wrong in ("sum(a", "a)", "a{b='c'}"):
        with pytest.raises(NotPromQL):
            names(wrong)
