"""The life of a subscription: given events, when a command, then events or a refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.history import HistoryBroken
from domain.personal import SigningSecret
from domain.subscription import (
    ENDPOINT_GONE,
    INITIAL,
    Active,
    CreateSubscription,
    Deleted,
    DeleteSubscription,
    Disabled,
    DisableSubscription,
    SubscriptionAlreadyExists,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionDisabled,
    SubscriptionEvent,
    SubscriptionNotFound,
    decide,
    evolve,
)
from tests.unit.spec import Decider
from tests.unit.webhooks.settled import subscriber

ID, NOW = UUID(int=1), datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)
SECRET = SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
CREATE = CreateSubscription(ID, subscriber(client_state="mine"), SECRET, NOW)
CREATED = SubscriptionCreated(ID, subscriber(client_state="mine"), SECRET, NOW)
DISABLED = SubscriptionDisabled(ID, ENDPOINT_GONE)
DELETED = SubscriptionDeleted(ID)

subscription = Decider(INITIAL, evolve, decide)


def test_creating_makes_an_active_subscription() -> None:
    state = subscription.given().when(CREATE).then(CREATED)
    assert state == Active(ID, subscriber(client_state="mine"), SECRET, NOW)


@pytest.mark.parametrize("before", [[CREATED], [CREATED, DISABLED], [CREATED, DELETED]])
def test_an_id_is_used_once(before: list[SubscriptionEvent]) -> None:
    with pytest.raises(SubscriptionAlreadyExists, match="exists already"):
        decide(subscription.given(*before).state, CREATE)


def test_an_active_subscription_can_be_disabled() -> None:
    state = subscription.given(CREATED).when(DisableSubscription(ENDPOINT_GONE)).then(DISABLED)
    assert state == Disabled(ID, subscriber(client_state="mine"), SECRET, NOW, ENDPOINT_GONE)


def test_disabling_a_disabled_subscription_changes_nothing() -> None:
    subscription.given(CREATED, DISABLED).when(DisableSubscription("again")).then()


@pytest.mark.parametrize("before", [[CREATED], [CREATED, DISABLED]])
def test_a_living_subscription_can_be_deleted(before: list[SubscriptionEvent]) -> None:
    assert subscription.given(*before).when(DeleteSubscription()).then(DELETED) == Deleted(ID)


@pytest.mark.parametrize("before", [[], [CREATED, DELETED]])
@pytest.mark.parametrize("command", [DisableSubscription("why"), DeleteSubscription()])
def test_what_is_not_there_cannot_be_ended(
    before: list[SubscriptionEvent], command: DisableSubscription | DeleteSubscription
) -> None:
    with pytest.raises(SubscriptionNotFound, match="no such subscription"):
        decide(subscription.given(*before).state, command)


@pytest.mark.parametrize(
    "history",
    [
        [CREATED, CREATED],
        [DISABLED],
        [DELETED],
        [CREATED, DISABLED, DISABLED],
        [CREATED, DELETED, DELETED],
        [CREATED, DELETED, DISABLED],
    ],
)
def test_a_history_that_cannot_be_is_not_passed_over(history: list[SubscriptionEvent]) -> None:
    with pytest.raises(HistoryBroken):
        subscription.after(history)


def test_the_secret_is_in_no_repr() -> None:
    assert "whsec_" not in repr(CREATED)
