"""Which deliveries an event makes, and their bytes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from uuid import UUID

from services.webhooks.body import render_body
from services.webhooks.publisher import deliveries_for
from tests.unit.webhooks.settled import ANOTHER, ORDER, settled, subscribed, subscriber


def test_the_body_is_the_contracts_to_the_byte() -> None:
    [delivery] = deliveries_for(settled(), [subscribed(client_state="mine")], 1)
    assert delivery.body == (
        '{"value":[{"eventName":"ota_cm_order_processed","eventVersion":"1.0","clientState":"mine",'
        '"timestamp":"2026-11-23T10:15:31.000Z","payload":{"orderId":"9c6b2f4e-2b71-4d23-9d6a-a3b4c5d6e7f8",'
        '"buyFromOrderReference":"CM-7KQ2M-9XD4T-8HF2","status":"Issued"}}]}'
    )


def test_what_the_client_gave_is_echoed_beside_its_state() -> None:
    given = subscribed(client_state="a", app_id="b", company_id="c", company_name="Ærø æblemost")
    [delivery] = deliveries_for(settled(), [given], 1)
    [notification] = json.loads(delivery.body)["value"]
    assert list(notification) == [
        "eventName",
        "eventVersion",
        "clientState",
        "appId",
        "companyId",
        "companyName",
        "timestamp",
        "payload",
    ]
    assert [notification[name] for name in list(notification)[2:6]] == ["a", "b", "c", "Ærø æblemost"]


def test_what_was_not_given_is_absent() -> None:
    [delivery] = deliveries_for(settled(), [subscribed()], 1)
    [notification] = json.loads(delivery.body)["value"]
    assert list(notification) == ["eventName", "eventVersion", "timestamp", "payload"]


def test_the_timestamp_is_utc_cut_to_the_millisecond() -> None:
    at = datetime(2026, 11, 23, 0, 30, 5, 678_999, timezone(timedelta(hours=1)))
    body = render_body(
        subscriber(), event_name="e", at=at, order_id=ORDER, buy_from_order_reference="r", status="Draft"
    )
    assert json.loads(body)["value"][0]["timestamp"] == "2026-11-22T23:30:05.678Z"


def test_each_subscription_of_the_partner_gets_its_own() -> None:
    deliveries = deliveries_for(settled(), [subscribed(1), subscribed(2)], 1)
    assert [delivery.subscription_id for delivery in deliveries] == [UUID(int=1), UUID(int=2)]
    assert len({delivery.id for delivery in deliveries}) == 2


def test_another_partners_subscription_gets_nothing() -> None:
    assert deliveries_for(settled(), [subscribed(partner_id=ANOTHER)], 1) == []


def test_a_subscription_hears_only_of_what_comes_after_it() -> None:
    subscriptions = [subscribed(1, since=9), subscribed(2, since=10), subscribed(3, since=11)]
    deliveries = deliveries_for(settled(position=10), subscriptions, 1)
    assert [delivery.subscription_id for delivery in deliveries] == [UUID(int=1)]


def test_for_a_disabled_subscription_it_is_kept_as_a_dead_one() -> None:
    deliveries = deliveries_for(settled(), [subscribed(1), subscribed(2, disabled=True)], 1)
    assert [delivery.dead for delivery in deliveries] == [False, True]


def test_the_id_follows_from_subscription_epoch_and_event() -> None:
    def id_of(number: int = 1, epoch: int = 1, version: int = 4, position: int = 10) -> UUID:
        [delivery] = deliveries_for(settled(position, version=version), [subscribed(number)], epoch)
        return delivery.id

    assert id_of() == UUID("84813078-7a9c-5260-97d1-2cb786022665")
    assert id_of(position=11) == id_of()
    assert len({id_of(), id_of(number=2), id_of(epoch=2), id_of(version=9)}) == 4
