"""From a stored event of an order to the public message: the only place that knows both.

Domain events are private and may change; these are the versioned contract with other teams, CloudEvents 1.0 in Kafka's
binary mode. Fields are only added within `v1`. Nothing personal goes out: what is not named here is not even decoded.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from infra.kafka.producer import Message

SUBMITTED: Final = "ota.cm.order.submitted.v1"
"""An order waits for issuance: created, replaced or reprocessed."""


class PublicType(NamedTuple):
    """`status`: what the order's status is after it."""

    ce_type: str
    status: str


PUBLIC: Final[Mapping[str, PublicType]] = {
    "order.submitted.v1": PublicType(SUBMITTED, "Submitted"),
    "order.replaced.v1": PublicType(SUBMITTED, "Submitted"),
    "order.reprocessed.v1": PublicType(SUBMITTED, "Submitted"),
    "order.scheduled.v1": PublicType("ota.cm.order.scheduled.v1", "Scheduled"),
    "order.processing.v1": PublicType("ota.cm.order.processing.v1", "Processing"),
    "order.issued.v1": PublicType("ota.cm.order.issued.v1", "Issued"),
    "order.drafted.v1": PublicType("ota.cm.order.draft.v1", "Draft"),
    "order.failed.v1": PublicType("ota.cm.order.error.v1", "Error"),
    "order.confirmed.v1": PublicType("ota.cm.order.confirmed.v1", "Issued"),
    "order.cancelled.v1": PublicType("ota.cm.order.cancelled.v1", "Cancelled"),
    "order.removed.v1": PublicType("ota.cm.order.removed.v1", "Cancelled"),
}
"""The stored topics that are public. Each carries the order's identity and revision: an event can be read alone."""

PRIVATE: Final = frozenset(
    {"order.issuance_deferred.v1", "order.issuance_resumed.v1", "order.void_requested.v1", "order.redeemed.v1"}
)
"""What issuance notes for itself, and what happens at the gate."""


class LoggedEvent(NamedTuple):
    """A row of the log: `version` in the order's stream, `position` in the whole; `state` as it is stored."""

    position: int
    order_id: UUID
    version: int
    topic: str
    state: bytes


class OrderEventData(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The message's value. `status_message`: "" but for Error. `job_id`: in processing alone."""

    order_id: str
    partner_id: str
    sell_to_order_reference: str
    buy_from_order_reference: str
    status: str
    status_message: str
    version: int
    revision: int
    occurred_at: str
    job_id: str | None = None


class NotMappable(Exception):
    """An event cannot be made public as it is: the message says at which position, and why."""


# As much of a stored event as goes out, texts as they stand: content, wallets and tickets are skipped undecoded.


class _Order(Struct, frozen=True, rename="camel"):
    partner_id: str
    sell_to_order_reference: str
    buy_from_order_reference: str


class _Data(Struct, frozen=True, rename="camel"):
    order: _Order
    revision: int
    status_message: str = ""
    job_id: str | None = None


class _Metadata(Struct, frozen=True, rename="camel"):
    occurred_at: str
    venue_id: str | None = None
    traceparent: str | None = None


class _Stored(Struct, frozen=True):
    metadata: _Metadata
    data: _Data


_decode: Final = msgspec.json.Decoder(_Stored).decode
_encode: Final = msgspec.json.Encoder().encode

_ALWAYS: Final = (("content-type", b"application/json"), ("ce_specversion", b"1.0"))


def public_message(event: LoggedEvent, epoch: int, venue_id: UUID | None) -> Message:
    """The message of an event whose topic is in PUBLIC.

    `epoch`: how often the service was restored from a backup, and one. `venue_id`: for an event that names none. Raises
    NotMappable.
    """
    ce_type, status = PUBLIC[event.topic]
    try:
        stored = _decode(event.state)
    except msgspec.DecodeError as error:
        raise NotMappable(f"the event at position {event.position} cannot be read: {error}") from error
    metadata, data = stored.metadata, stored.data
    venue = metadata.venue_id or venue_id
    if venue is None:
        raise NotMappable(f"the event at position {event.position} names no venue, and there is no catalog: publish it")
    order_id = str(event.order_id)
    key, sequence = order_id.encode(), b"%d" % event.version
    headers = [
        *_ALWAYS,
        ("ce_source", f"/ota-cm/{venue}/{epoch}".encode()),
        ("ce_id", b"%d:%b:%b" % (epoch, key, sequence)),
        ("ce_type", ce_type.encode()),
        ("ce_subject", key),
        ("ce_time", metadata.occurred_at.encode()),
        ("ce_partitionkey", key),
        ("ce_sequence", sequence),
        ("position", b"%d" % event.position),
    ]
    if metadata.traceparent is not None:
        headers.append(("traceparent", metadata.traceparent.encode()))
    value = OrderEventData(
        order_id=order_id,
        partner_id=data.order.partner_id,
        sell_to_order_reference=data.order.sell_to_order_reference,
        buy_from_order_reference=data.order.buy_from_order_reference,
        status=status,
        status_message=data.status_message,
        version=event.version,
        revision=data.revision,
        occurred_at=metadata.occurred_at,
        job_id=data.job_id,
    )
    return Message(key, _encode(value), headers)
