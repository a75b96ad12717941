"""The body of `POST /webhook`, and every fault in it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from domain.reading import Reader
from domain.subscription import Subscriber
from domain.subscription_request import SubscriptionRequest, request_faults, subscriber_of

READER = Reader(SubscriptionRequest)
GOOD = {"notificationUrl": "https://partner.example/hook", "eventName": "ota_cm_order_processed"}


def faults(body: dict[str, Any], *, http_allowed: bool = False) -> list[tuple[str, str]]:
    reading = READER.read(json.dumps(body).encode())
    report = reading.report(request_faults(reading.value, http_allowed=http_allowed))
    return [(fault.pointer, fault.code) for fault in report.faults]


def test_the_smallest_body() -> None:
    reading = READER.read(json.dumps(GOOD).encode())
    assert faults(GOOD) == []
    assert subscriber_of(reading.value, UUID(int=5)) == Subscriber(
        partner_id=UUID(int=5),
        notification_url="https://partner.example/hook",
        event_name="ota_cm_order_processed",
        event_version="1.0",
    )


def test_everything_given_is_kept() -> None:
    given = {"eventVersion": "1.0", "clientState": "a" * 50, "appId": "b" * 250, "companyId": "c", "companyName": "d"}
    body = {**GOOD, **given, "partnerId": str(UUID(int=5)).upper()}
    assert faults(body) == []
    value = READER.read(json.dumps(body).encode()).value
    assert value.partner_id == UUID(int=5)
    kept = subscriber_of(value, UUID(int=5))
    assert (kept.client_state, kept.app_id, kept.company_id, kept.company_name) == ("a" * 50, "b" * 250, "c", "d")


def test_null_counts_as_absent() -> None:
    optional = ["eventVersion", "clientState", "appId", "companyId", "companyName", "partnerId"]
    assert faults({**GOOD, **dict.fromkeys(optional)}) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"notificationUrl": None}, ("/notificationUrl", "required")),
        ({"eventName": None}, ("/eventName", "required")),
        ({"eventName": "ota_cm_order_confirmed"}, ("/eventName", "unknown_value")),
        ({"eventVersion": "2.0"}, ("/eventVersion", "unknown_value")),
        ({"clientState": "a" * 51}, ("/clientState", "too_long")),
        ({"appId": "a" * 251}, ("/appId", "too_long")),
        ({"companyId": "a" * 251}, ("/companyId", "too_long")),
        ({"companyName": "a" * 251}, ("/companyName", "too_long")),
        ({"companyName": 5}, ("/companyName", "wrong_type")),
        ({"partnerId": "x"}, ("/partnerId", "bad_format")),
        ({"notificationUrl": ""}, ("/notificationUrl", "too_short")),
        ({"notificationUrl": "https://a/" + "x" * 1991}, ("/notificationUrl", "too_long")),
        ({"secret": "whsec_"}, ("/secret", "unknown_field")),
    ],
)
def test_each_fault_at_its_place(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert faults({**GOOD, **change}) == [expected]


def test_every_fault_in_one_answer_in_document_order() -> None:
    assert faults({"clientState": 1, "notificationUrl": "http://x", "eventName": "y", "nope": 1}) == [
        ("/clientState", "wrong_type"),
        ("/notificationUrl", "bad_format"),
        ("/eventName", "unknown_value"),
        ("/nope", "unknown_field"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example",
        "https://partner.example:8443/a/b?c=d&e=%20",
        "https://93.184.216.34/hook",
        "https://[2606:4700::1]:8443/hook",
        "https://xn--bcher-kva.example/hook",
        "HTTPS://PARTNER.example/hook",
        "https://a/" + "x" * 1990,
    ],
)
def test_good_urls(url: str) -> None:
    assert faults({**GOOD, "notificationUrl": url}) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/hook",
        "ftp://partner.example/hook",
        "partner.example/hook",
        "/hook",
        "https:///hook",
        "https://",
        "https://:8443/hook",
        "https://partner.example:0/hook",
        "https://partner.example:65536/hook",
        "https://partner.example:x/hook",
        "https://user@partner.example/hook",
        "https://user:pass@partner.example/hook",
        "https://partner.example/hook#part",
        "https://partner.example/hook#",
        "https://partner.example/a b",
        " https://partner.example/hook",
        "https://partner.example/hook\n",
        "https://partner.example\\@other.example/",
        "https://bücher.example/hook",
        "https://[::1/hook",
        "https://[nonsense]/hook",
        "https://-.example/hook",
    ],
)
def test_bad_urls(url: str) -> None:
    assert faults({**GOOD, "notificationUrl": url}) == [("/notificationUrl", "bad_format")]


def test_http_where_the_operator_allows_it() -> None:
    assert faults({**GOOD, "notificationUrl": "http://localhost:8090/hook"}, http_allowed=True) == []
    assert faults({**GOOD, "notificationUrl": "ftp://localhost/hook"}, http_allowed=True) != []
