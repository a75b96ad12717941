"""A topic, made at the start as the settings have it, or checked against them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka import errors
from aiokafka.protocol.admin import CreateTopicsRequest
from aiokafka.protocol.metadata import MetadataRequest

from infra.kafka.connection import REQUEST_MS, connected
from infra.kafka.errors import KafkaRefused, translated
from infra.kafka.settings import KafkaSettings

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_CLIENT: Final = "ota-cm-topic"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Topic:
    """As the brokers have it. `replication`: the fewest copies of any partition; `has_leaders`: each has one."""

    name: str
    partitions: int
    replication: int
    has_leaders: bool


async def ensure_topic(
    settings: KafkaSettings, *, name: str | None = None, partitions: int | None = None, seconds: float = _SECONDS
) -> Topic:
    """The topic of the settings (or `name`, with `partitions`), made if it is not there, else checked.

    More partitions or copies than set are the operator's doing and are kept; it is logged. What is asked of it later
    counts the partitions that it has. Raises KafkaUnavailable, and KafkaRefused when it does not fit.
    """
    name = name or settings.topic
    wanted = partitions or settings.partitions
    async with connected(settings, _CLIENT, seconds) as client:
        refusal = await _make(client, settings, name, wanted)
        while (topic := await _look(client, name)) is None or not topic.has_leaders:
            if topic is None and refusal is not None:
                raise refusal
            await asyncio.sleep(_POLL_SECONDS)  # the brokers hear of it one after the other
    _check(topic, wanted, settings.replication)
    return topic


async def find_topic(settings: KafkaSettings, *, name: str | None = None, seconds: float = _SECONDS) -> Topic | None:
    """The topic as it is; None: there is none. Never makes one. Raises KafkaUnavailable, KafkaRefused."""
    async with connected(settings, _CLIENT, seconds) as client:
        return await _look(client, name or settings.topic)


async def _make(client: Any, settings: KafkaSettings, name: str, partitions: int) -> KafkaRefused | None:  # noqa: ANN401
    """Make it before looking: brokers with auto.create.topics.enable make what they are asked about, in their own way.

    Returns why it could not be made, which matters only if it is not there.
    """
    copies = settings.replication
    # With two copies of three there, a write is acknowledged; with one it waits, so that no acknowledged one is lost.
    config = [("min.insync.replicas", str(copies - 1))] if copies is not None and copies >= 3 else []
    request = CreateTopicsRequest(
        create_topic_requests=[(name, partitions, copies or -1, [], config)], timeout=REQUEST_MS, validate_only=False
    )
    while True:
        response = await client.send(client.get_random_node(), request)
        ((_, code, said),) = response.topic_errors
        error = errors.for_code(code)
        if error is errors.NoError:
            _log.info("topic_made", topic=name, partitions=partitions, replication=copies)
            return None
        if error is errors.TopicAlreadyExistsError:
            return None
        if error is errors.InvalidReplicationFactorError:
            # Also while the brokers of a cluster start one after the other, but that cannot be told apart.
            return KafkaRefused(
                "topic_unfit", f"the topic {name} cannot have {copies or 'the default number of'} copies: {said}"
            )
        fault = translated(error(said or ""))
        if isinstance(fault, KafkaRefused):
            return KafkaRefused(
                fault.reason,
                f"the topic {name} is not there and cannot be made: make it with {partitions} partitions, or let us "
                f"({said or error.__name__})",
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _look(client: Any, name: str) -> Topic | None:  # noqa: ANN401
    response = await client.send(client.get_random_node(), MetadataRequest([name], allow_auto_topic_creation=False))
    (seen,) = response.to_object()["topics"]
    error = errors.for_code(seen["error_code"])
    if error in {errors.UnknownTopicOrPartitionError, errors.InvalidTopicError}:
        return None
    if error is errors.TopicAuthorizationFailedError:
        raise KafkaRefused("not_authorised", f"we may not see the topic {name}: check the ACLs")
    if error not in {errors.NoError, errors.LeaderNotAvailableError}:
        raise translated(error())
    partitions = seen["partitions"]
    return Topic(
        name=name,
        partitions=len(partitions),
        replication=min((len(partition["replicas"]) for partition in partitions), default=0),
        has_leaders=bool(partitions) and all(partition["leader"] >= 0 for partition in partitions),
    )


def _check(topic: Topic, partitions: int, replication: int | None) -> None:
    if topic.partitions < partitions:
        raise KafkaRefused(
            "topic_unfit",
            f"the topic {topic.name} has {topic.partitions} partitions and should have {partitions}: add partitions "
            "while nothing is in flight, or set OTA_CM_KAFKA_PARTITIONS",
        )
    if replication is not None and topic.replication < replication:
        raise KafkaRefused(
            "topic_unfit",
            f"the topic {topic.name} has {topic.replication} copies and should have {replication}: reassign its "
            "partitions, or set OTA_CM_KAFKA_REPLICATION",
        )
    if topic.partitions > partitions or (replication is not None and topic.replication > replication):
        _log.warning(
            "topic_larger_than_set",
            topic=topic.name,
            partitions=topic.partitions,
            partitions_set=partitions,
            replication=topic.replication,
            replication_set=replication,
        )
