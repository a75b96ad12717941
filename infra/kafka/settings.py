"""The settings of Kafka, checked by whoever read them. (Apart from the clients, whose import takes a while.)"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

DEFAULT_TOPIC: Final = "ota-cm.orders.v1"
DEFAULT_PARTITIONS: Final = 12
DEFAULT_GROUP: Final = "ota-cm.issuer"


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`bootstrap_servers`: host:port each. `replication`: None for the broker's default."""

    bootstrap_servers: tuple[str, ...]
    topic: str = DEFAULT_TOPIC
    partitions: int = DEFAULT_PARTITIONS
    replication: int | None = None
    group: str = DEFAULT_GROUP
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: Path | None = None

    @property
    def dead_letter_topic(self) -> str:
        """Where messages go that a consumer of ours cannot handle."""
        return f"{self.topic}.dlq"

    @property
    def dead_letter_group(self) -> str:
        """Whose offsets there say what was sent back."""
        return f"{self.group}.dlq"
