"""What can go wrong with Kafka, in two kinds: what passes by itself, and what somebody must mend."""

from __future__ import annotations

import ssl
from typing import Final, Literal

from aiokafka import errors

Reason = Literal["too_large", "not_authorised", "topic_gone", "topic_unfit", "refused"]


class KafkaUnavailable(Exception):
    """No broker answers, a leader moves, an acknowledgement is late: it passes, so try again."""


class KafkaRefused(Exception):
    """Kafka refuses, and will again until somebody acts; the message says what to do. `reason`: for figures."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


_TOO_LARGE: Final = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
_NOT_AUTHORISED: Final = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.AuthenticationFailedError,
    errors.SaslAuthenticationFailed,
    errors.AuthenticationMethodNotSupported,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    ssl.SSLCertVerificationError,
)

# The broker names them as final, and a new producer that begins anew is past them.
_MENDED_BY_BEGINNING_ANEW: Final = (
    errors.OutOfOrderSequenceNumber,
    errors.InvalidProducerEpoch,
    errors.UnknownProducerId,
    errors.CorruptRecordException,
    errors.UnknownError,
    errors.BrokerNotAvailableError,
    errors.ReplicaNotAvailableError,
    errors.OperationNotAttempted,
)


def translated(error: BaseException) -> KafkaUnavailable | KafkaRefused:
    """What a fault of the client library means for us."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, (KafkaUnavailable, KafkaRefused)):
        return error
    if isinstance(error, _TOO_LARGE):
        return KafkaRefused("too_large", f"a message is larger than the topic's max.message.bytes ({said})")
    if isinstance(error, _NOT_AUTHORISED):
        return KafkaRefused("not_authorised", f"Kafka does not let us: check OTA_CM_KAFKA_* and the ACLs ({said})")
    if isinstance(error, errors.InvalidTopicError):
        return KafkaRefused("topic_unfit", f"Kafka does not take the topic's name ({said})")
    passes = getattr(error, "retriable", False) or isinstance(error, _MENDED_BY_BEGINNING_ANEW)
    if isinstance(error, errors.BrokerResponseError) and not passes:
        return KafkaRefused("refused", f"Kafka refuses ({said})")
    return KafkaUnavailable(f"Kafka cannot be reached, or is not ready ({said})")
