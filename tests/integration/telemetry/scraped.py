"""A scrape, read by Prometheus' own parser."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.api.shop import Shop


@dataclass(frozen=True)
class Scraped:
    text: str
    families: dict[str, Metric]

    def value(self, name: str, **labels: str) -> float | None:
        """Of the one sample with this name and these labels; None where there is none."""
        return self._samples().get((name, frozenset(labels.items())))

    def values(self, name: str, label: str) -> dict[str, float]:
        """Of all samples with this name, by one of their labels."""
        return {dict(labels)[label]: value for (found, labels), value in self._samples().items() if found == name}

    @property
    def names(self) -> set[str]:
        """Every name that a query may use: of samples, and those that a family would have if it had samples."""
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}
        names = {name for name, _ in self._samples()}
        for family in self.families.values():
            names.update(family.name + suffix for suffix in suffixes.get(family.type, ("",)))
        return names

    @property
    def labels(self) -> set[str]:
        return {label for _, labels in self._samples() for label, _ in labels}

    def _samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }


def read(text: str) -> Scraped:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families), "a family is told twice"
    return Scraped(text, {family.name: family for family in families})


async def scrape(shop: Shop) -> Scraped:
    """As Prometheus does: without a key, and with its Accept."""
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    answer = await shop.get("/metrics", key=None, headers={"Accept": accept})
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.text)
