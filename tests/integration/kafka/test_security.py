"""A broker that asks for TLS, a password and rights: what lets us in, and what is said when we are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.kafka.errors import KafkaRefused
from infra.kafka.local_broker import LocalBroker
from infra.kafka.producer import Message, TopicProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from tests.brokers import kafka_settings_of
from tests.certificates import write_certificate
from tests.kafka_records import read_topic

LONG = 60.0
PAGE = [Message(b"key", b"value")]


@pytest.fixture(scope="module")
def entered(local_broker: type[LocalBroker], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker that knows two users, `us`, who may do everything, and `stranger`, who may do nothing."""
    folder = tmp_path_factory.mktemp("broker")
    trusted, shown = write_certificate(folder)
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    users = 'user_us="open sesame" user_stranger="knock knock"'
    broker = local_broker(
        folder,
        {
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(shown),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(trusted),
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.clients.plain.sasl.jaas.config": (f'{login} username="us" password="open sesame" {users};'),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:us;User:ANONYMOUS",
        },
    )
    with broker:
        yield replace(
            kafka_settings_of(broker),
            security_protocol="SASL_SSL",
            sasl_username="us",
            sasl_password="open sesame",
            ssl_cafile=trusted,
        )


async def _refused(settings: KafkaSettings) -> list[tuple[str, str]]:
    """Why the topic cannot be had, and why a page cannot be sent."""
    producer = TopicProducer(settings, "tests-producer")
    try:
        with pytest.raises(KafkaRefused) as no_topic:
            await ensure_topic(settings)
        with pytest.raises(KafkaRefused) as no_page:
            await producer.publish(PAGE, LONG)
    finally:
        await producer.close()
    return [(refused.value.reason, str(refused.value)) for refused in (no_topic, no_page)]


async def test_with_certificate_password_and_rights_all_goes_well(entered: KafkaSettings) -> None:
    await ensure_topic(entered)
    producer = TopicProducer(entered, "tests-producer")
    try:
        await producer.publish(PAGE, LONG)
    finally:
        await producer.close()
    assert [record.value for record in await read_topic(entered)] == [b"value"]


async def test_without_rights_we_are_refused(entered: KafkaSettings) -> None:
    await ensure_topic(entered)
    stranger = replace(entered, sasl_username="stranger", sasl_password="knock knock")
    for reason, said in await _refused(stranger):
        assert (reason, "ACLs" in said) == ("not_authorised", True), said


async def test_with_a_wrong_password_we_are_refused(entered: KafkaSettings) -> None:
    for reason, said in await _refused(replace(entered, sasl_password="open barley")):
        assert (reason, "OTA_CM_KAFKA_" in said) == ("not_authorised", True), said
        assert "barley" not in said


async def test_a_certificate_that_nobody_vouches_for_is_refused(entered: KafkaSettings) -> None:
    for reason, said in await _refused(replace(entered, ssl_cafile=None)):
        assert (reason, "certificate" in said.lower()) == ("not_authorised", True), said
