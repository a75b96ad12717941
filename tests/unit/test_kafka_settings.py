"""The settings of Kafka: what they become, and the line that each wrong one is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.kafka.settings import KafkaSettings
from services.kafka_settings import read_kafka_settings
from services.setting_source import SettingError, SettingSource

SERVERS = {"KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"}


def read(**settings: str) -> KafkaSettings | None:
    return read_kafka_settings(SettingSource(settings))


def test_without_servers_there_is_no_kafka() -> None:
    assert read(OTA_CM_KAFKA_TOPIC="mine") is None


def test_the_defaults() -> None:
    assert read(**SERVERS) == KafkaSettings(("kafka-1:9092",), "ota-cm.orders.v1", 12, None, "ota-cm.issuer")


def test_everything_set() -> None:
    settings = read(
        KAFKA_BOOTSTRAP_SERVERS="kafka-1:9092, [::1]:9093,10.0.0.1:9094",
        OTA_CM_KAFKA_TOPIC="venue.orders",
        OTA_CM_KAFKA_PARTITIONS="24",
        OTA_CM_KAFKA_REPLICATION="3",
        OTA_CM_KAFKA_GROUP="venue.issuer",
        OTA_CM_KAFKA_SECURITY_PROTOCOL="sasl_ssl",
        OTA_CM_KAFKA_SASL_MECHANISM="scram-sha-512",
        OTA_CM_KAFKA_SASL_USERNAME="channel-manager",
        OTA_CM_KAFKA_SASL_PASSWORD="open sesame",
    )
    assert settings == KafkaSettings(
        bootstrap_servers=("kafka-1:9092", "[::1]:9093", "10.0.0.1:9094"),
        topic="venue.orders",
        partitions=24,
        replication=3,
        group="venue.issuer",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="channel-manager",
        sasl_password="open sesame",
    )
    assert settings.dead_letter_topic == "venue.orders.dlq"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka-1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9092,kafka-2:0"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://kafka-1:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", " , "),
        ("OTA_CM_KAFKA_TOPIC", "orders of today"),
        ("OTA_CM_KAFKA_TOPIC", ".."),
        ("OTA_CM_KAFKA_TOPIC", "x" * 246),
        ("OTA_CM_KAFKA_PARTITIONS", "0"),
        ("OTA_CM_KAFKA_PARTITIONS", "10001"),
        ("OTA_CM_KAFKA_REPLICATION", "three"),
        ("OTA_CM_KAFKA_REPLICATION", "32768"),
        ("OTA_CM_KAFKA_GROUP", "a group"),
        ("OTA_CM_KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("OTA_CM_KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("OTA_CM_KAFKA_SSL_CAFILE", "/nowhere/ca.pem"),
    ],
)
def test_a_wrong_one_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: ") as refused:
        read(**{**SERVERS, name: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"OTA_CM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "OTA_CM_KAFKA_SASL_USERNAME: required with"),
        (
            {"OTA_CM_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "OTA_CM_KAFKA_SASL_USERNAME": "us"},
            "OTA_CM_KAFKA_SASL_PASSWORD: required with",
        ),
        ({"OTA_CM_KAFKA_SASL_PASSWORD": "open sesame"}, "OTA_CM_KAFKA_SASL_PASSWORD: without effect"),
    ],
)
def test_a_password_goes_with_its_protocol(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=f"^{said}"):
        read(**SERVERS, **settings)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing of the kind")
    with pytest.raises(SettingError, match=r"^OTA_CM_KAFKA_SSL_CAFILE: .* holds no certificates"):
        read(**SERVERS, OTA_CM_KAFKA_SECURITY_PROTOCOL="SSL", OTA_CM_KAFKA_SSL_CAFILE=str(empty))
