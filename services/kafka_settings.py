"""The settings of Kafka: where it is, how it is entered, what is used of it."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final, cast, get_args

from infra.kafka.settings import (
    DEFAULT_GROUP,
    DEFAULT_PARTITIONS,
    DEFAULT_TOPIC,
    KafkaSettings,
    SaslMechanism,
    SecurityProtocol,
)
from services.setting_source import SettingError, SettingSource, at_least_one, existing_file

# A topic's name has at most 249 characters; ".dlq" is put after ours.
_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,245}")
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_MOST_PARTITIONS: Final = 10_000
_MOST_COPIES: Final = 32_767
_PREFIX: Final = "OTA_CM_KAFKA_"


def read_kafka_settings(source: SettingSource) -> KafkaSettings | None:
    """None without KAFKA_BOOTSTRAP_SERVERS; the others are checked all the same. Raises SettingError."""
    servers = source.parsed("KAFKA_BOOTSTRAP_SERVERS", _servers)
    settings = KafkaSettings(
        bootstrap_servers=servers or (),
        topic=cast("str", source.parsed(f"{_PREFIX}TOPIC", _topic, DEFAULT_TOPIC)),
        partitions=cast("int", source.parsed(f"{_PREFIX}PARTITIONS", _partitions, str(DEFAULT_PARTITIONS))),
        replication=source.parsed(f"{_PREFIX}REPLICATION", _replication),
        group=cast("str", source.parsed(f"{_PREFIX}GROUP", _group, DEFAULT_GROUP)),
        security_protocol=cast(
            "SecurityProtocol",
            source.choice(f"{_PREFIX}SECURITY_PROTOCOL", get_args(SecurityProtocol), "PLAINTEXT"),
        ),
        sasl_mechanism=cast(
            "SaslMechanism", source.choice(f"{_PREFIX}SASL_MECHANISM", get_args(SaslMechanism), "PLAIN")
        ),
        sasl_username=source.text(f"{_PREFIX}SASL_USERNAME"),
        sasl_password=source.text(f"{_PREFIX}SASL_PASSWORD"),
        ssl_cafile=source.parsed(f"{_PREFIX}SSL_CAFILE", _certificates),
    )
    if servers is None:
        return None
    _fit_together(source, settings)
    return settings


def _fit_together(source: SettingSource, settings: KafkaSettings) -> None:
    """What is set and not used would be believed to protect, and does not."""
    protocol = settings.security_protocol
    for name in ("SASL_USERNAME", "SASL_PASSWORD"):
        is_set = source.text(_PREFIX + name) is not None
        if protocol.startswith("SASL_") and not is_set:
            raise SettingError(f"{_PREFIX}{name}: required with {_PREFIX}SECURITY_PROTOCOL={protocol}")
        if not protocol.startswith("SASL_") and is_set:
            raise SettingError(f"{_PREFIX}{name}: without effect while {_PREFIX}SECURITY_PROTOCOL is {protocol}")
    if settings.ssl_cafile is not None and not protocol.endswith("SSL"):
        raise SettingError(f"{_PREFIX}SSL_CAFILE: without effect while {_PREFIX}SECURITY_PROTOCOL is {protocol}")


def _servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:/@]+):([0-9]{1,5})", server)
        if found is None or not 1 <= int(found[1]) <= 65535:
            raise ValueError(f"host:port, comma-separated, such as kafka-1:9092,kafka-2:9092; not {server}")
    if not servers:
        raise ValueError("host:port, comma-separated")
    return servers


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise ValueError("a topic's name: letters, digits, `.`, `_`, `-`, at most 245 of them")
    return text


def _group(text: str) -> str:
    if not _GROUP.fullmatch(text):
        raise ValueError("a consumer group's name: letters, digits, `.`, `_`, `-`, at most 200 of them")
    return text


def _partitions(text: str) -> int:
    if (count := at_least_one(text)) > _MOST_PARTITIONS:
        raise ValueError(f"at most {_MOST_PARTITIONS}")
    return count


def _replication(text: str) -> int:
    if (count := at_least_one(text)) > _MOST_COPIES:
        raise ValueError(f"at most {_MOST_COPIES}")
    return count


def _certificates(text: str) -> Path:
    path = existing_file(text)
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"{path} holds no certificates that can be read") from error
    return path
