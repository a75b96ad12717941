"""One trace from the request to the webhook; and what becomes of a trace where ours are off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssueJob, IssuerAway
from services.webhooks.role import webhooks_role
from tests.integration.api.shop import Shop, eventually, line, stocked
from tests.integration.telemetry.conftest import WEBHOOKS
from tests.integration.webhooks.receiver import Receiver, in_turn
from tests.spans import CLIENT, PARENT, TRACE, KeptTraces, forget_settings

MARK = "Xq7Zvarg"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptTraces:
    forget_settings(monkeypatch)
    return KeptTraces()


@pytest.fixture
async def traced_shop(dsn: str, kept: KeptTraces) -> AsyncIterator[Shop]:
    async with stocked(dsn, kept.traces, **WEBHOOKS) as running:
        yield running


async def traceparents(shop: Shop, path: str) -> dict[str, str | None]:
    """Of an order's events, by their topic."""
    return {row[2]: json.loads(row[3])["metadata"].get("traceparent") for row in await shop.log(path)}


async def subscribe(shop: Shop, url: str) -> None:
    body = {"notificationUrl": url, "eventName": "ota_cm_order_processed"}
    assert (await shop.call("POST", "/webhook", body)).status == 201


async def settled_and_told(shop: Shop, receiver: Receiver, deliveries: int = 1, /, **order: Any) -> str:
    """The path of an order that was made with PARENT, has settled and was announced."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shop.issuing())
        await stack.enter_async_context(webhooks_role(shop.platform))
        answer = await shop.call("POST", "/channelManager", shop.body(**order), headers={"traceparent": PARENT})
        assert answer.status == 201, answer.text
        path = f"/channelManager/{answer.body['orderId']}"
        await shop.settled(path)

        async def told() -> bool:
            return len(receiver.received) >= deliveries

        await eventually(told)
    return path


async def test_one_trace_from_the_request_to_the_webhook(traced_shop: Shop, kept: KeptTraces) -> None:
    async with Receiver() as receiver:
        await subscribe(traced_shop, receiver.url())
        path = await settled_and_told(traced_shop, receiver)
    (create,) = kept.named("createOrder")
    (schedule,) = kept.named("schedule order")
    (issue,) = kept.named("issue tickets")
    (settle,) = kept.named("settle order")
    (deliver,) = kept.named("deliver webhook")
    assert {span.trace_id for span in (create, schedule, issue, settle, deliver)} == {TRACE}
    assert create.parent_id == CLIENT
    assert schedule.parent_id == create.span_id
    assert issue.parent_id == settle.parent_id == schedule.span_id
    assert deliver.parent_id == settle.span_id
    assert [span.kind for span in (create, schedule, issue, settle, deliver)] == [
        *("server", "consumer", "internal", "internal", "client")
    ]
    assert not [span for span in kept.spans if span.error]
    assert await traceparents(traced_shop, path) == {
        "order.submitted.v1": create.traceparent,
        "order.scheduled.v1": schedule.traceparent,
        "order.processing.v1": schedule.traceparent,
        "order.drafted.v1": settle.traceparent,
    }
    (delivery,) = receiver.received
    assert delivery.headers["traceparent"] == deliver.traceparent
    assert deliver.attributes["ota_cm.webhook.id"] == delivery.message_id
    order_id = path.removeprefix("/channelManager/")
    assert {span.attributes["ota_cm.order.id"] for span in (schedule, issue, settle)} == {order_id}
    assert [span.attributes["ota_cm.order.status"] for span in (schedule, settle)] == ["Processing", "Draft"]


async def test_each_attempt_at_a_delivery_is_a_span_of_its_own(traced_shop: Shop, kept: KeptTraces) -> None:
    async with Receiver(in_turn(503, 200)) as receiver:
        await subscribe(traced_shop, receiver.url())
        await settled_and_told(traced_shop, receiver, 2)
    (settle,) = kept.named("settle order")
    first, second = kept.named("deliver webhook")
    assert (first.error, second.error) == ("503", None)
    assert [span.parent_id for span in (first, second)] == [settle.span_id] * 2
    assert [span.attributes["http.request.resend_count"] for span in (first, second)] == [0, 1]
    told = [received.headers["traceparent"] for received in receiver.received]
    assert told == [first.traceparent, second.traceparent]


async def test_off_the_clients_traceparent_goes_on_unchanged_with_every_attempt(shop: Shop) -> None:
    async with Receiver(in_turn(503, 200)) as receiver:
        await subscribe(shop, receiver.url())
        path = await settled_and_told(shop, receiver, 2)
    assert set((await traceparents(shop, path)).values()) == {PARENT}
    assert [received.headers["traceparent"] for received in receiver.received] == [PARENT] * 2


async def test_without_one_a_trace_begins_with_us(traced_shop: Shop, kept: KeptTraces) -> None:
    for sent in ("é", "x" * 5000, f"00-{'0' * 32}-{CLIENT}-01"):
        answer = await traced_shop.call("POST", "/channelManager", traced_shop.body(), headers={"traceparent": sent})
        span = kept.named("createOrder")[-1]
        assert (answer.status, span.parent_id) == (201, None)
        path = f"/channelManager/{answer.body['orderId']}"
        assert await traceparents(traced_shop, path) == {"order.submitted.v1": span.traceparent}


async def test_each_request_of_a_connection_has_its_own_span_and_probes_have_none(
    traced_shop: Shop, kept: KeptTraces
) -> None:
    before = len(kept.spans)
    path = await traced_shop.created()
    assert (await traced_shop.create(sellToOrderReference="R-1")).status == 409
    assert (await traced_shop.get(path)).status == 200
    assert (await traced_shop.get(path, key="ota_p_nobody")).status == 401
    for probe in ("/healthz", "/readyz", "/metrics"):
        assert (await traced_shop.get(probe, key=None)).status == 200
    spans = kept.spans[before:]
    told = [(span.name, span.attributes["http.response.status_code"], span.error) for span in spans]
    assert told == [
        ("createOrder", 201, None),
        ("createOrder", 409, None),
        ("getOrder", 200, None),
        ("getOrder", 401, None),
    ]
    assert spans[2].attributes["http.route"] == "/channelManager/{orderId}"
    assert len({span.trace_id for span in spans}) == 4


class _Away:
    """An issuer that cannot be reached."""

    async def issue(self, _: IssueJob) -> Issuance:
        raise IssuerAway

    async def confirm(self, _: UUID) -> None:
        raise IssuerAway

    async def void(self, _: UUID) -> None:
        raise IssuerAway


async def test_an_issuer_that_is_away_is_seen(traced_shop: Shop, kept: KeptTraces) -> None:
    away = replace(traced_shop, platform=replace(traced_shop.platform, issuer=_Away()))

    async def deferred() -> bool:
        return bool(kept.named("settle order"))

    async with away.issuing():
        await away.created()
        await eventually(deferred)
    (issue,) = kept.named("issue tickets")
    assert issue.error == "IssuerUnavailable"
    (settle,) = kept.named("settle order")
    assert (settle.attributes["ota_cm.order.status"], settle.error) == ("Processing", None)


async def test_nothing_personal_and_no_key_is_in_a_span(traced_shop: Shop, kept: KeptTraces) -> None:
    marked = {
        "sellToName": f"{MARK} order",
        "sellToEmail": f"{MARK}.order@example.com",
        "paymentReference": f"{MARK}-PAY",
        "items": [line(quantity=1, sellToName=f"{MARK} line", sellToEmail=f"{MARK}.line@example.com")],
    }
    async with Receiver() as receiver:
        await subscribe(traced_shop, f"{receiver.url()}/{MARK}?token={MARK}")
        path = await settled_and_told(traced_shop, receiver, **marked)
    assert MARK in (await traced_shop.get(path)).text
    assert (await traced_shop.get(f"/channelManager/{MARK}@example.com?email={MARK}")).status == 404
    text = kept.text()
    assert "deliver webhook" in text
    assert "getOrder" in text
    for secret in (MARK, traced_shop.key, "whsec_"):
        assert secret not in text
