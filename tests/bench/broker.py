"""A Kafka broker for the bench, in Docker or of this machine's Java, and what it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.local_broker import LocalBroker
from infra.kafka.settings import KafkaSettings
from tests.bench.proc import cpu_seconds
from tests.bench.processes import ProcessFailed
from tests.brokers import Broker, broker_in, kafka_settings_of, remove_left, what_is_missing
from tests.e2e.topic import kafka_environment


class Kafka:
    """`settings`: with a topic and a group of their own. `environment`: the same for a process of the service."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.settings: KafkaSettings = kafka_settings_of(broker)
        self.environment = kafka_environment(self.settings)

    def cpu_seconds(self) -> float | None:
        """What the broker has cost so far; None for one in a container."""
        return cpu_seconds(self._broker.pid) if isinstance(self._broker, LocalBroker) else None


@contextmanager
def running_kafka(folder: Path) -> Iterator[Kafka]:
    """A broker in `folder`, which must be on a disk. Raises ProcessFailed where there can be none."""
    if (missing := what_is_missing()) is not None:
        raise ProcessFailed(missing)
    folder.mkdir(parents=True)
    broker = broker_in(folder / "broker")
    try:
        broker.start()
        yield Kafka(broker)
    finally:
        broker.stop()
        remove_left(folder)
