"""Which of the client library's faults pass by themselves, and which do not."""

from __future__ import annotations

import ssl

import pytest
from aiokafka import errors

from infra.kafka.errors import KafkaRefused, KafkaUnavailable, translated
from infra.kafka.partitions import partition_of


@pytest.mark.parametrize(
    "error",
    [
        errors.KafkaConnectionError("nobody there"),
        errors.NodeNotReadyError(),
        errors.RequestTimedOutError(),
        errors.KafkaTimeoutError(),
        errors.NotLeaderForPartitionError(),
        errors.LeaderNotAvailableError(),
        errors.NotEnoughReplicasError(),
        errors.NotEnoughReplicasAfterAppendError(),
        errors.KafkaStorageError(),
        errors.CoordinatorLoadInProgressError(),
        errors.OutOfOrderSequenceNumber(),
        errors.UnknownProducerId(),
        errors.ProducerFenced(),
        errors.UnknownError(),
        TimeoutError(),
        ConnectionRefusedError(),
        OSError("network is unreachable"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes(error: Exception) -> None:
    assert isinstance(translated(error), KafkaUnavailable)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.MessageSizeTooLargeError(), "too_large"),
        (errors.RecordListTooLargeError(), "too_large"),
        (errors.TopicAuthorizationFailedError("orders"), "not_authorised"),
        (errors.GroupAuthorizationFailedError("issuer"), "not_authorised"),
        (errors.ClusterAuthorizationFailedError(), "not_authorised"),
        (errors.AuthenticationFailedError("wrong password"), "not_authorised"),
        (errors.SaslAuthenticationFailed("wrong password"), "not_authorised"),
        (errors.UnsupportedSaslMechanismError(), "not_authorised"),
        (ssl.SSLCertVerificationError("self-signed"), "not_authorised"),
        (errors.InvalidTopicError(), "topic_unfit"),
        (errors.PolicyViolationError(), "refused"),
        (errors.UnsupportedVersionError(), "refused"),
        (errors.InvalidTimestampError(), "refused"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_does_not(error: Exception, reason: str) -> None:
    fault = translated(error)
    assert isinstance(fault, KafkaRefused)
    assert (fault.reason, "\n" in str(fault)) == (reason, False)


def test_the_partition_of_a_key_is_what_kafkas_own_clients_make_of_it() -> None:
    # Known answers of the Java client (org.apache.kafka.common.utils.UtilsTest.testMurmur2).
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, murmur2 in known.items():
        assert partition_of(key, 12) == (murmur2 & 0x7FFFFFFF) % 12
