"""The topic against the log: what should be there, in which order, and whether anything else is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from infra.kafka.settings import KafkaSettings
from services.relay.integration_events import PUBLIC
from tests.integration.relay.stage import Stored
from tests.kafka_records import read_topic


async def versions_by_key(kafka: KafkaSettings) -> dict[str, list[int]]:
    """`ce_sequence` of each key's records, as they lie on the topic."""
    return _versions(await read_topic(kafka))


def _versions(records: Sequence[Any]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        found[record.key.decode()].append(int(dict(record.headers)["ce_sequence"]))
    return dict(found)


def public_versions(events: Sequence[Stored]) -> dict[str, list[int]]:
    """What a topic should hold of these."""
    expected: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.topic in PUBLIC:
            expected[str(event.stream)].append(event.version)
    return dict(expected)


def as_taken_in(found: dict[str, list[int]]) -> dict[str, list[int]]:
    """As a consumer takes them in, who ignores a sequence that is not above the highest it has seen."""
    taken: dict[str, list[int]] = {}
    for key, versions in found.items():
        seen: list[int] = []
        for version in versions:
            if not seen or version > seen[-1]:
                seen.append(version)
        taken[key] = seen
    return taken
