"""A webhook subscription: whom to tell what, where, and signed with which secret. One small stream each.

Events, commands, refusals, states, `evolve`, `decide`, in this order. What a body may say: `subscription_request.py`.
"""

from datetime import datetime
from typing import ClassVar, TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from domain.history import HistoryBroken
from domain.personal import SigningSecret


class Subscriber(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a subscription is for and where it goes. Optional texts are None where they were not given.

    `client_state`, `app_id`, `company_id`, `company_name`: the client's own, kept and echoed in deliveries.
    """

    partner_id: UUID
    notification_url: str
    event_name: str
    event_version: str
    client_state: str | None = None
    app_id: str | None = None
    company_id: str | None = None
    company_name: str | None = None


class SubscriptionCreated(Struct, frozen=True, rename="camel"):
    """A subscription was made; it hears of what happens after this event's place in the log."""

    subscription_id: UUID
    subscriber: Subscriber
    secret: SigningSecret
    created_at: datetime


class SubscriptionDisabled(Struct, frozen=True, rename="camel"):
    """Nothing is sent to it any more; its deliveries are kept as dead ones. `reason` is for the partner to read."""

    subscription_id: UUID
    reason: str


class SubscriptionDeleted(Struct, frozen=True, rename="camel"):
    """It is gone: nothing is sent or kept for it any more."""

    subscription_id: UUID


SubscriptionEvent: TypeAlias = SubscriptionCreated | SubscriptionDisabled | SubscriptionDeleted


class CreateSubscription(Struct, frozen=True):
    """`subscription_id`, `secret` (random) and `now` come in."""

    subscription_id: UUID
    subscriber: Subscriber
    secret: SigningSecret
    now: datetime


class DisableSubscription(Struct, frozen=True):
    reason: str


class DeleteSubscription(Struct, frozen=True):
    pass


SubscriptionCommand: TypeAlias = CreateSubscription | DisableSubscription | DeleteSubscription

ENDPOINT_GONE = "The endpoint answered 410 Gone."
"""The reason of a subscription that its own endpoint ended."""


class SubscriptionRefusal(Exception):
    """The subscription refuses this."""

    code: ClassVar[str]

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class SubscriptionNotFound(SubscriptionRefusal):
    """There is no such subscription."""

    code = "resource_not_found"


class SubscriptionAlreadyExists(SubscriptionRefusal):
    """A subscription with this id exists already."""

    code = "invalid_status"


class NotSubscribed(Struct, frozen=True, tag=True):
    """Nothing has happened under this id."""


class Active(Struct, frozen=True, rename="camel", tag=True):
    subscription_id: UUID
    subscriber: Subscriber
    secret: SigningSecret
    created_at: datetime


class Disabled(Struct, frozen=True, rename="camel", tag=True):
    subscription_id: UUID
    subscriber: Subscriber
    secret: SigningSecret
    created_at: datetime
    reason: str


class Deleted(Struct, frozen=True, rename="camel", tag=True):
    subscription_id: UUID


Subscription: TypeAlias = NotSubscribed | Active | Disabled | Deleted
LivingSubscription: TypeAlias = Active | Disabled

INITIAL: Subscription = NotSubscribed()


def evolve(state: Subscription, event: SubscriptionEvent) -> Subscription:
    """The state after one more event. Raises HistoryBroken where the event cannot follow."""
    match event, state:
        case SubscriptionCreated(), NotSubscribed():
            return Active(
                subscription_id=event.subscription_id,
                subscriber=event.subscriber,
                secret=event.secret,
                created_at=event.created_at,
            )
        case SubscriptionDisabled(reason=reason), Active():
            return Disabled(
                subscription_id=state.subscription_id,
                subscriber=state.subscriber,
                secret=state.secret,
                created_at=state.created_at,
                reason=reason,
            )
        case SubscriptionDeleted(), Active() | Disabled():
            return Deleted(subscription_id=state.subscription_id)
        case _:
            raise HistoryBroken(event, state)


def decide(state: Subscription, command: SubscriptionCommand) -> list[SubscriptionEvent]:
    """The events that follow; an empty list where nothing changes. Raises a SubscriptionRefusal."""
    match command:
        case CreateSubscription():
            return _create(state, command)
        case DisableSubscription(reason=reason):
            return _disable(state, reason)
        case DeleteSubscription():
            return _delete(state)
        case _:
            assert_never(command)


def _create(state: Subscription, command: CreateSubscription) -> list[SubscriptionEvent]:
    if not isinstance(state, NotSubscribed):
        raise SubscriptionAlreadyExists
    return [SubscriptionCreated(command.subscription_id, command.subscriber, command.secret, command.now)]


def _disable(state: Subscription, reason: str) -> list[SubscriptionEvent]:
    match state:
        case Active(subscription_id=subscription_id):
            return [SubscriptionDisabled(subscription_id, reason)]
        case Disabled():
            return []  # several deliveries in flight may meet 410 at once
        case NotSubscribed() | Deleted():
            raise SubscriptionNotFound
        case _:
            assert_never(state)


def _delete(state: Subscription) -> list[SubscriptionEvent]:
    match state:
        case Active(subscription_id=subscription_id) | Disabled(subscription_id=subscription_id):
            return [SubscriptionDeleted(subscription_id)]
        case NotSubscribed() | Deleted():
            raise SubscriptionNotFound
        case _:
            assert_never(state)
