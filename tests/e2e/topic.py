"""What must be true of the topic, by the contract and the log alone: whole, in order, and nothing that is not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infra.kafka.settings import KafkaSettings
from tests.e2e.truth import Database, Event
from tests.kafka_records import read_topic

# By the contract: the type of each public event, and the order's status after it.
TYPES: Mapping[str, tuple[str, str]] = {
    "order.submitted.v1": ("submitted", "Submitted"),
    "order.replaced.v1": ("submitted", "Submitted"),
    "order.reprocessed.v1": ("submitted", "Submitted"),
    "order.scheduled.v1": ("scheduled", "Scheduled"),
    "order.processing.v1": ("processing", "Processing"),
    "order.issued.v1": ("issued", "Issued"),
    "order.drafted.v1": ("draft", "Draft"),
    "order.failed.v1": ("error", "Error"),
    "order.confirmed.v1": ("confirmed", "Issued"),
    "order.cancelled.v1": ("cancelled", "Cancelled"),
    "order.removed.v1": ("removed", "Cancelled"),
}
_IDENTITY = ("partnerId", "sellToOrderReference", "buyFromOrderReference")


class Record(NamedTuple):
    """A message as a consumer gets it."""

    key: str
    headers: Mapping[str, str]
    value: bytes

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def sequence(self) -> int:
        return int(self.headers["ce_sequence"])


def records(kafka: KafkaSettings) -> list[Record]:
    """All that is on the topic now; of each key in the topic's order."""
    return [
        Record(raw.key.decode(), {name: value.decode() for name, value in raw.headers}, raw.value)
        for raw in asyncio.run(read_topic(kafka))
    ]


def kafka_environment(kafka: KafkaSettings) -> dict[str, str]:
    """For a process of the service."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": ",".join(kafka.bootstrap_servers),
        "OTA_CM_KAFKA_TOPIC": kafka.topic,
        "OTA_CM_KAFKA_GROUP": kafka.group,
    }


def repeats(found: Sequence[Record]) -> list[Record]:
    """Those that came again."""
    seen: set[str] = set()
    again = []
    for record in found:
        if record.id in seen:
            again.append(record)
        seen.add(record.id)
    return again


def faults_of_topic(found: Sequence[Record], database: Database) -> Iterator[str]:
    """A consumer that ignores what is not above the highest sequence it has seen gets every public event, once."""
    expected = {f"1:{event.stream}:{event.version}": event for event in database.events if event.topic in TYPES}
    highest: dict[str, int] = {}
    taken: dict[str, Record] = {}
    first: dict[str, Record] = {}
    for record in found:
        if first.setdefault(record.id, record) != record:
            yield f"{record.id} came with two contents: {record}, and {first[record.id]}"
        if record.sequence > highest.get(record.key, 0):
            highest[record.key] = record.sequence
            taken[record.id] = record
    if taken.keys() != expected.keys():
        missing, foreign = sorted(expected.keys() - taken.keys()), sorted(taken.keys() - expected.keys())
        yield f"{len(missing)} public events do not arrive: {missing[:5]}; {len(foreign)} of none do: {foreign[:5]}"
    for name in taken.keys() & expected.keys():
        yield from _faults_of_record(taken[name], expected[name])


def _faults_of_record(record: Record, event: Event) -> Iterator[str]:
    kind, status = TYPES[event.topic]
    headers = {
        "ce_type": f"ota.cm.order.{kind}.v1",
        "ce_subject": event.stream,
        "ce_partitionkey": event.stream,
        "position": str(event.position),
        "ce_specversion": "1.0",
        "content-type": "application/json",
    }
    for name, expected in headers.items():
        if record.headers[name] != expected:
            yield f"{name} of {record} is not {expected}"
    value: dict[str, Any] = json.loads(record.value)
    of_order = {name: event.data["order"][name] for name in _IDENTITY}
    says = {
        **of_order,
        "orderId": event.stream,
        "status": status,
        "statusMessage": event.data.get("statusMessage", ""),
        "version": event.version,
        "revision": event.data["revision"],
        "occurredAt": record.headers["ce_time"],
        **({"jobId": event.data["jobId"]} if kind == "processing" else {}),
    }
    if (record.key, value) != (event.stream, says):
        yield f"{record} does not say {says}"
