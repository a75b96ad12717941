"""The stored names of events. A name and what it means never change: a new shape gets a new version."""

from collections.abc import Callable, Mapping
from typing import Any

from eventsourcing.utils import register_topic

from domain.allotment.override import AllotmentOverridden
from domain.api_key import KeyCreated, KeyRevoked
from domain.catalog.stream import CatalogPublished
from domain.order.events import (
    IssuanceDeferred,
    IssuanceResumed,
    IssuanceStarted,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderFailed,
    OrderIssued,
    OrderRemoved,
    OrderReplaced,
    OrderReprocessed,
    OrderScheduled,
    OrderSubmitted,
    TicketsRedeemed,
    VoidRequested,
)
from domain.partner import PartnerChanged, PartnerCreated, PartnerDeleted
from domain.references import ReferenceReleased, ReferenceReserved
from domain.subscription import SubscriptionCreated, SubscriptionDeleted, SubscriptionDisabled

ORDER_TOPICS: Mapping[str, type] = {
    "order.submitted.v1": OrderSubmitted,
    "order.replaced.v1": OrderReplaced,
    "order.reprocessed.v1": OrderReprocessed,
    "order.scheduled.v1": OrderScheduled,
    "order.processing.v1": IssuanceStarted,
    "order.issuance_deferred.v1": IssuanceDeferred,
    "order.issuance_resumed.v1": IssuanceResumed,
    "order.issued.v1": OrderIssued,
    "order.drafted.v1": OrderDrafted,
    "order.failed.v1": OrderFailed,
    "order.confirmed.v1": OrderConfirmed,
    "order.redeemed.v1": TicketsRedeemed,
    "order.cancelled.v1": OrderCancelled,
    "order.removed.v1": OrderRemoved,
    "order.void_requested.v1": VoidRequested,
}

REFERENCE_TOPICS: Mapping[str, type] = {
    "reference.reserved.v1": ReferenceReserved,
    "reference.released.v1": ReferenceReleased,
}

SETUP_TOPICS: Mapping[str, type] = {
    "partner.created.v1": PartnerCreated,
    "partner.changed.v1": PartnerChanged,
    "partner.deleted.v1": PartnerDeleted,
    "key.created.v1": KeyCreated,
    "key.revoked.v1": KeyRevoked,
    "catalog.published.v1": CatalogPublished,
    "allotment.overridden.v1": AllotmentOverridden,
    "subscription.created.v1": SubscriptionCreated,
    "subscription.disabled.v1": SubscriptionDisabled,
    "subscription.deleted.v1": SubscriptionDeleted,
}

TOPICS: Mapping[str, type] = {**ORDER_TOPICS, **REFERENCE_TOPICS, **SETUP_TOPICS}

# An event whose shape changed: its old topic → the topic of the next shape, and how its data is carried over.
Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[str, tuple[str, Upcast]] = {}

SUBMISSIONS = frozenset({"order.submitted.v1", "order.replaced.v1", "order.reprocessed.v1"})

for _topic, _event in TOPICS.items():
    register_topic(_topic, _event)


def is_of_order(topic: str) -> bool:
    """Whether an event is one of an order's: a stream of another kind may be asked for by its id."""
    return topic.startswith("order.")
