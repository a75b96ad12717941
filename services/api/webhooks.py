"""Webhook subscriptions: make, list, read, delete. The signing secret is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from domain.faults import Fault
from domain.personal import SigningSecret
from domain.reading import Reader
from domain.streams import subscription_stream
from domain.subscription import (
    Active,
    CreateSubscription,
    DeleteSubscription,
    Disabled,
    LivingSubscription,
    SubscriptionEvent,
    decide,
)
from domain.subscription_request import SubscriptionRequest, request_faults, subscriber_of
from infra.ids import uuid7
from services.api.call import forbidden, parse_uuid
from services.api.json_answer import NO_STORE, json_answer, no_content
from services.api.operation import PARTNER, Operation
from services.api.order_answer import timestamp
from services.api.pages import Page, Place, newest_first
from services.api.problems import not_found, validation_failed
from services.api.setup_change import changed
from services.setup.streams import SUBSCRIPTIONS, Stream
from services.webhooks.signing import signing_secret

if TYPE_CHECKING:
    from domain.subscription import Subscription
    from services.api.call import Call

SUBSCRIPTION_BODY = Reader(SubscriptionRequest)
SECRET_RANDOM_BYTES = 32


class SubscriptionAnswer(Struct, frozen=True, rename="camel", kw_only=True):
    """A subscription. `secret`: in the answer that made it alone. What is UNSET is absent."""

    id: UUID
    notification_url: str
    event_name: str
    event_version: str
    client_state: str | None
    app_id: str | UnsetType = UNSET
    company_id: str | UnsetType = UNSET
    company_name: str | UnsetType = UNSET
    partner_id: UUID
    state: Literal["active", "disabled"]
    disabled_reason: str | UnsetType = UNSET
    created_at: str
    secret: str | UnsetType = UNSET


async def post_subscription(call: Call) -> web.Response:
    reading = SUBSCRIPTION_BODY.read(call.body)
    named: object = reading.value.partner_id  # UNSET where it is faulty, whatever its type says
    if isinstance(named, UUID) and not call.sees(named):
        raise forbidden("This key subscribes for its own partner only.")
    faults = request_faults(reading.value, http_allowed=call.services.webhook_allows_http)
    partner_id = call.caller.partner_id
    if partner_id is None:
        faults += await _partner_faults(call, named)
    if reading.faults or faults:
        raise validation_failed(reading.report(faults))
    owner = partner_id or reading.value.partner_id
    assert owner is not None  # noqa: S101 - an operator's body without it has a fault
    return await _made(call, reading.value, owner)


async def list_subscriptions(call: Call) -> web.Response:
    asked = _partner_asked(call)
    await call.services.directory.refresh()
    if asked is not None and asked not in call.services.directory.partners:
        raise not_found("partner")
    subscriptions = [
        subscribed.subscription
        for subscribed in call.services.directory.subscriptions.values()
        if _is_listed(call, subscribed.subscription, asked)
    ]
    return json_answer(newest_first(call, subscriptions, _place, _answer))


async def get_subscription(call: Call) -> web.Response:
    return json_answer(_answer(await _visible(call)))


async def delete_subscription(call: Call) -> web.Response:
    subscription_id = (await _visible(call)).subscription_id

    def decision(stream: Stream[Subscription]) -> Sequence[SubscriptionEvent]:
        return decide(stream.state, DeleteSubscription())

    await changed(call, SUBSCRIPTIONS, subscription_stream(subscription_id), decision, "subscription")
    return no_content()


async def _partner_faults(call: Call, named: object) -> list[Fault]:
    """What is wrong with whom an operator subscribes for."""
    if named is None:
        return [Fault("/partnerId", "required", "partnerId is required with an operator's key.")]
    if isinstance(named, UUID) and named not in call.services.directory.partners:
        await call.services.directory.refresh()
        if named not in call.services.directory.partners:
            return [Fault("/partnerId", "unknown_partner", "There is no such partner.")]
    return []


async def _made(call: Call, request: SubscriptionRequest, partner_id: UUID) -> web.Response:
    subscription_id = uuid7()
    secret = signing_secret(urandom(SECRET_RANDOM_BYTES))
    subscriber = subscriber_of(request, partner_id)
    command = CreateSubscription(subscription_id, subscriber, SigningSecret(secret), call.now)

    def decision(stream: Stream[Subscription]) -> Sequence[SubscriptionEvent]:
        return decide(stream.state, command)

    stream = subscription_stream(subscription_id)
    made = (await changed(call, SUBSCRIPTIONS, stream, decision, "subscription")).state
    if partner_id not in call.services.directory.partners:
        raise not_found("partner")  # deleted this very moment, and its subscriptions with it
    assert isinstance(made, Active)  # noqa: S101 - `decide` made it
    response = json_answer(_answer(made, secret), 201, NO_STORE)
    response.headers["Location"] = f"{call.services.public_url}/webhook/{subscription_id}"
    return response


def _partner_asked(call: Call) -> UUID | None:
    """Whose subscriptions are asked for, None for all that the caller sees. Raises Problem 400, 403."""
    text = call.query("partnerId")
    if text is None:
        return None
    asked = parse_uuid(text)
    if asked is None:
        call.query_fault("partnerId", "bad_format", "partnerId is a UUID.")
    if not call.sees(asked):
        raise forbidden("This key lists the subscriptions of its own partner only.")
    return asked


def _is_listed(call: Call, subscription: LivingSubscription, asked: UUID | None) -> bool:
    partner_id = subscription.subscriber.partner_id
    return call.sees(partner_id) and asked in {None, partner_id}


async def _visible(call: Call) -> LivingSubscription:
    """The subscription that the path names, if it exists for the caller. Raises Problem 404."""
    subscription_id = call.uuid("subscriptionId", "subscription")
    await call.services.directory.refresh()
    found = call.services.directory.subscriptions.get(subscription_id)
    if found is None or not call.sees(found.subscription.subscriber.partner_id):
        raise not_found("subscription")
    return found.subscription


def _place(subscription: LivingSubscription) -> Place:
    return Place(subscription.created_at, subscription.subscription_id)


def _answer(subscription: LivingSubscription, secret: str | UnsetType = UNSET) -> SubscriptionAnswer:
    subscriber = subscription.subscriber
    reason = subscription.reason if isinstance(subscription, Disabled) else UNSET
    return SubscriptionAnswer(
        id=subscription.subscription_id,
        notification_url=subscriber.notification_url,
        event_name=subscriber.event_name,
        event_version=subscriber.event_version,
        client_state=subscriber.client_state,
        app_id=_given(subscriber.app_id),
        company_id=_given(subscriber.company_id),
        company_name=_given(subscriber.company_name),
        partner_id=subscriber.partner_id,
        state="active" if reason is UNSET else "disabled",
        disabled_reason=reason,
        created_at=timestamp(subscription.created_at),
        secret=secret,
    )


def _given(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text


OPERATIONS = (
    Operation(
        name="createSubscription",
        method="POST",
        path="/webhook",
        summary="Subscribe to a partner's events. The signing secret is shown this once.",
        scopes=PARTNER,
        handler=post_subscription,
        body=SubscriptionRequest,
        changes=True,
        answers={201: SubscriptionAnswer},
    ),
    Operation(
        name="listSubscriptions",
        method="GET",
        path="/webhook",
        summary="The partner's subscriptions, the newest first; for operators all, or one partner's (`partnerId`).",
        scopes=PARTNER,
        handler=list_subscriptions,
        answers={200: Page[SubscriptionAnswer]},
    ),
    Operation(
        name="getSubscription",
        method="GET",
        path="/webhook/{subscriptionId}",
        summary="A subscription.",
        scopes=PARTNER,
        handler=get_subscription,
        answers={200: SubscriptionAnswer},
    ),
    Operation(
        name="deleteSubscription",
        method="DELETE",
        path="/webhook/{subscriptionId}",
        summary="End a subscription: nothing is sent to it any more.",
        scopes=PARTNER,
        handler=delete_subscription,
        changes=True,
        answers={204: None},
    ),
)
