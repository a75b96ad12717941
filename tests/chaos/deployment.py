"""What a round runs and hits: the service as several processes over one database, with Kafka or without."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.kafka.settings import KafkaSettings
from tests.brokers import Broker, kafka_settings_of
from tests.chaos.broker_target import BrokerTarget
from tests.chaos.storm import Shape
from tests.chaos.targets import PostgresTarget, ServiceTarget, Target
from tests.e2e.service import Service
from tests.e2e.topic import kafka_environment

READY_SECONDS: Final = 60.0

# By role: how often it is hit, beside the others; what gives it work, and about how many seconds it works on that (the
# projector gathers first).
_ROLES: Final[dict[str, tuple[int, str, float]]] = {
    "api": (2, "answer", 0.02),
    "relay": (4, "submitted", 0.01),
    "issuer": (4, "submitted", 0.01),
    "projector": (4, "submitted", 0.06),
    "webhooks": (4, "settled", 0.01),
}
_POSTGRES_WEIGHT: Final = 7
_BROKER_WEIGHT: Final = 6

_ALWAYS: Final = ("api-1", "api-2", "projector-1", "issuer-1", "webhooks-1")
_WITH_KAFKA: Final = ("api-1", "api-2", "relay-1", "projector-1", "issuer-1", "issuer-2", "webhooks-1")


@dataclass(frozen=True, slots=True)
class Deployment:
    """`kafka`, `broker`: None without Kafka."""

    services: Sequence[ServiceTarget]
    postgres: PostgresTarget
    kafka: KafkaSettings | None
    broker: BrokerTarget | None

    @property
    def targets(self) -> list[Target]:
        return [*self.services, self.postgres, *([self.broker] if self.broker is not None else [])]

    @property
    def apis(self) -> list[ServiceTarget]:
        return [one for one in self.services if one.name.startswith("api")]

    @property
    def first(self) -> Service:
        return self.services[0].service

    @contextmanager
    def running(self) -> Iterator[None]:
        """Under its supervisors; none of its processes outlives this."""
        try:
            for one in self.services:
                one.start()
            yield
        finally:
            for one in self.services:
                one.leave()
            for one in self.services:
                one.service.clean_up()

    def wait_until_ready(self) -> None:
        if self.broker is not None:
            self.broker.wait_until_back(READY_SECONDS)
        for one in self.services:
            one.wait_until_ready(READY_SECONDS)


def deployment(seed: int, shape: Shape, folder: Path, broker: Broker | None = None) -> Deployment:
    """Not started: a process a role, the api twice, and some roles with one more. With Kafka (`broker` runs) two
    issuers work side by side; of the other roles the second one stands by."""
    chance = random.Random(f"deployment {seed}")
    names = list(_ALWAYS if broker is None else _WITH_KAFKA)
    doubles = shape.doubles if broker is None else [*shape.doubles, "relay"] if shape.doubles else ()
    names += [f"{role}-2" for role in doubles if chance.random() < 0.4 and f"{role}-2" not in names]
    kafka = kafka_settings_of(broker) if broker is not None else None
    environment = kafka_environment(kafka) if kafka is not None else {}
    services = []
    for name in names:
        role = name.partition("-")[0]
        arguments = ("--roles", role, *(("--port", "0") if role == "api" else ()))
        service = Service(folder, *arguments, name=name, settings={"OTA_CM_INSTANCE": name, **environment})
        services.append(ServiceTarget(name, service, *_ROLES[role]))
    first = services[0].service
    postgres = PostgresTarget(first.data, first.dsn, _POSTGRES_WEIGHT)
    return Deployment(services, postgres, kafka, BrokerTarget(broker, _BROKER_WEIGHT) if broker is not None else None)
