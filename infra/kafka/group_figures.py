"""How far a consumer group is, and how many dead letters wait, as the brokers have it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka import errors
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from infra.kafka.connection import connected
from infra.kafka.errors import translated
from infra.kafka.settings import KafkaSettings

_CLIENT: Final = "ota-cm-figures"
_EARLIEST: Final = -2
_LATEST: Final = -1
_NEVER_COMMITTED: Final = -1


class Place(NamedTuple):
    """In messages of all partitions together. What retention took away before it was handled counts as handled."""

    handled: int
    end: int

    @property
    def lag(self) -> int:
        return self.end - self.handled


class GroupFigures(NamedTuple):
    """`place`: of the group on its topic. `dead_letters`: that were not sent back yet."""

    place: Place
    dead_letters: int


async def group_figures(settings: KafkaSettings, seconds: float) -> GroupFigures:
    """All within `seconds`. A topic that is not there counts as empty. Raises KafkaUnavailable, KafkaRefused."""
    async with connected(settings, _CLIENT, seconds) as client:
        place = await _place(client, settings.group, settings.topic)
        letters = await _place(client, settings.dead_letter_group, settings.dead_letter_topic)
    return GroupFigures(place, letters.lag)


async def _place(client: Any, group: str, topic: str) -> Place:  # noqa: ANN401 - the library is untyped
    leaders = await _leaders(client, topic)
    if not leaders:
        return Place(0, 0)
    committed = await _committed(client, group, topic, list(leaders))
    earliest = await _offsets(client, topic, leaders, _EARLIEST)
    latest = await end_offsets(client, topic, leaders)
    handled = sum(min(max(committed[one], earliest[one]), latest[one]) for one in leaders)
    return Place(handled, sum(latest.values()))


async def end_offsets(client: Any, topic: str, leaders: Mapping[int, int]) -> dict[int, int]:  # noqa: ANN401
    """Of each partition, given with the node that leads it, the offset that its next message will have.

    May be cancelled: unlike the consumer's own, it leaves no connection behind. Raises KafkaUnavailable, KafkaRefused,
    KafkaError.
    """
    return await _offsets(client, topic, leaders, _LATEST)


async def _leaders(client: Any, topic: str) -> Mapping[int, int]:  # noqa: ANN401
    """Of each partition the node that leads it."""
    response = await client.send(client.get_random_node(), MetadataRequest([topic], allow_auto_topic_creation=False))
    (seen,) = response.to_object()["topics"]
    error = errors.for_code(seen["error_code"])
    if error is errors.UnknownTopicOrPartitionError:
        return {}
    if error is not errors.NoError:
        raise translated(error())
    return {one["partition"]: one["leader"] for one in seen["partitions"]}


async def _committed(client: Any, group: str, topic: str, partitions: list[int]) -> Mapping[int, int]:  # noqa: ANN401
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    response = await client.send(
        node, OffsetFetchRequest(group, [(topic, partitions)]), group=ConnectionGroup.COORDINATION
    )
    found = dict.fromkeys(partitions, _NEVER_COMMITTED)
    for _, offsets in response.topics:
        for partition, offset, _, code in offsets:
            _check(code)
            found[partition] = offset
    return found


async def _offsets(client: Any, topic: str, leaders: Mapping[int, int], which: int) -> dict[int, int]:  # noqa: ANN401
    led: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for partition, node in leaders.items():
        led[node].append((partition, which))
    found: dict[int, int] = {}
    for node, asked in led.items():
        response = await client.send(node, OffsetRequest(-1, 0, [(topic, asked)]))
        for _, offsets in response.topics:
            for partition, code, _, offset in offsets:
                _check(code)
                found[partition] = offset
    return found


def _check(code: int) -> None:
    error = errors.for_code(code)
    if error is not errors.NoError:
        raise translated(error())
