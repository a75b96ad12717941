"""The checks of the kill tests find what they are for: a truth that finds no fault in anything would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.client import Answer
from tests.e2e.endpoint import Delivery
from tests.e2e.load import Asked
from tests.e2e.truth import (
    Database,
    Event,
    QueuedDelivery,
    faults_of_answers,
    faults_of_log,
    faults_of_webhooks,
    status_of,
)

_WALLET = {
    "walletId": "w1",
    "walletReferenceNumber": "W-1",
    "assets": [{"id": "a1", "assetId": "t1", "referenceNumber": "T-1"}],
}
_ISSUANCE = {"jobId": "job", "lines": [{"wallets": [_WALLET]}]}
_ORDER = {"sellToOrderReference": "R-1", "buyFromOrderReference": "CM-1"}


def _event(position: int, topic: str, scope: str = "issuer", **data: Any) -> Event:
    return Event(position, "o1", position, topic, "c1", scope, {"revision": 1, **data})


def _sound() -> Database:
    events = [
        _event(1, "order.submitted.v1", "partner", order=_ORDER),
        _event(2, "order.scheduled.v1"),
        _event(3, "order.processing.v1", jobId="job"),
        _event(4, "order.issued.v1", issuance=_ISSUANCE),
    ]
    return Database(events, [QueuedDelivery("msg_1", "o1", 4, "delivered")])


_ACCEPTED = Asked("c1", "create", "R-1", "o1", "accepted", Answer(201, {"etag": '"v1"'}, {}), None)
_ARRIVED = Delivery("msg_1", "o1", "Issued", "body", taken=True)


def test_a_sound_history_has_no_faults() -> None:
    database = _sound()
    assert [*faults_of_log(database)] == []
    assert [*faults_of_answers([_ACCEPTED], database)] == []
    assert [*faults_of_webhooks([_ARRIVED, _ARRIVED], database)] == []
    assert status_of(database.events) == "Issued"


def _without_the_settle(events: list[Event]) -> None:
    events.pop()


def _settled_twice(events: list[Event]) -> None:
    events.append(replace(events[-1], position=5, version=5))


def _a_gap(events: list[Event]) -> None:
    events[-1] = replace(events[-1], position=6)


def _a_second_order_with_the_reference(events: list[Event]) -> None:
    events += [replace(event, stream="o2", position=event.position + 4) for event in events]


def _another_job(events: list[Event]) -> None:
    events[-1] = _event(4, "order.issued.v1", issuance={**_ISSUANCE, "jobId": "another"})


@pytest.mark.parametrize(
    "spoil", [_without_the_settle, _settled_twice, _a_gap, _a_second_order_with_the_reference, _another_job]
)
def test_a_spoilt_log_is_found(spoil: Callable[[list[Event]], None]) -> None:
    database = _sound()
    spoil(database.events)
    assert [*faults_of_log(database)]


@pytest.mark.parametrize(
    "asked",
    [
        replace(_ACCEPTED, correlation_id="c2", reference="R-2"),
        replace(_ACCEPTED, outcome="refused"),
        replace(_ACCEPTED, order_id="o2"),
        replace(_ACCEPTED, answer=Answer(201, {"etag": '"v2"'}, {})),
        replace(_ACCEPTED, operation="cancel"),
    ],
    ids=["accepted and lost", "refused and done", "another order", "another version", "another command"],
)
def test_an_answer_that_is_not_true_is_found(asked: Asked) -> None:
    assert [*faults_of_answers([asked], _sound())]


@pytest.mark.parametrize(
    ("arrived", "queued"),
    [
        ([], [QueuedDelivery("msg_1", "o1", 4, "delivered")]),
        ([replace(_ARRIVED, taken=False)], [QueuedDelivery("msg_1", "o1", 4, "delivered")]),
        ([_ARRIVED], [QueuedDelivery("msg_1", "o1", 4, "pending")]),
        ([_ARRIVED], []),
        ([_ARRIVED], [QueuedDelivery("msg_1", "o1", 4, "delivered"), QueuedDelivery("msg_2", "o1", 4, "delivered")]),
        ([_ARRIVED, replace(_ARRIVED, webhook_id="msg_2")], [QueuedDelivery("msg_1", "o1", 4, "delivered")]),
        ([_ARRIVED, replace(_ARRIVED, body="another")], [QueuedDelivery("msg_1", "o1", 4, "delivered")]),
        ([replace(_ARRIVED, status="Draft")], [QueuedDelivery("msg_1", "o1", 4, "delivered")]),
    ],
    ids=["none", "none taken", "pending", "not queued", "queued twice", "two ids", "two bodies", "a wrong status"],
)
def test_a_settle_that_was_not_told_rightly_is_found(arrived: list[Delivery], queued: list[QueuedDelivery]) -> None:
    assert [*faults_of_webhooks(arrived, Database(_sound().events, queued))]
