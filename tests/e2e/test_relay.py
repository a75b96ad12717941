"""The relay as processes of its own: one stopped in the middle of its work, the topic and the broker as they may be."""

from __future__ import annotations

import asyncio
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from tests.e2e.client import Client
from tests.e2e.crash_points.partner import publish_catalog
from tests.e2e.load import order_body
from tests.e2e.reading import lags
from tests.e2e.service import OPERATOR_KEY, REPOSITORY, Service, wait_for
from tests.e2e.topic import faults_of_topic, kafka_environment, records, repeats
from tests.e2e.truth import read_database
from tests.integration.api.serving import environment
from tests.integration.relay.stage import REFERENCES, STORE_TEXTS, lives, texts

MakeService = Callable[..., Service]

PAGE = 1000
STOPPED_SECONDS = 8.0
"""The lease lasts five."""
RELAYED_SECONDS = 60.0
HOLDER = "select owner, epoch from leases where name = 'relay' and expires_at > now()"

# In names, e-mails and external references of these orders, and nowhere else; the control is in what does go out.
PERSONAL, CONTROL = "Xq7Zvarg", "Kw9Jmulb"


@contextmanager
def database(dsn: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Asks the database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield lambda query, *parameters: connection.execute(query, parameters or None).fetchall()


def settings_for(dsn: str, kafka: KafkaSettings) -> dict[str, str]:
    return environment(dsn, OTA_CM_OPERATOR_KEY=OPERATOR_KEY, OTA_CM_PUBLIC_URL="", **kafka_environment(kafka))


def test_one_that_was_stopped_repeats_at_most_the_page_in_its_hands(
    service: MakeService, dsn: str, kafka_settings: KafkaSettings
) -> None:
    settings = settings_for(dsn, kafka_settings)
    with database(dsn) as rows:
        for _ in range(4):
            rows(STORE_TEXTS, *texts(lives(1000, REFERENCES)))
        ((head,),) = rows("select max(notification_id) from stored_events")

        def position() -> int:
            return int(rows("select coalesce(max(position), 0) from consumer_positions where name = 'relay'")[0][0])

        one, other = (service("--roles", "relay", name=name, settings=settings) for name in ("one", "other"))
        one.start()
        wait_for("in the middle of it", lambda: position() > 3 * PAGE, RELAYED_SECONDS, every=0.001)
        one.signal(signal.SIGSTOP)
        stopped_at = position()
        assert stopped_at < head - 10 * PAGE, "it was stopped too late to say anything"
        ((owner, epoch),) = rows(HOLDER)
        other.start().ready()
        wait_for("taken over", lambda: any(holder != (owner, epoch) for holder in rows(HOLDER)), RELAYED_SECONDS)
        ((owner_now, epoch_now),) = rows(HOLDER)
        assert (owner_now != owner, epoch_now > epoch) == (True, True)
        wait_for("relayed by the other", lambda: position() == head, RELAYED_SECONDS)
        one.signal(signal.SIGCONT)
        wait_for("it knows that its time is over", lambda: "lease_left" in one.output(), RELAYED_SECONDS)
        rows(STORE_TEXTS, *texts(lives(10, REFERENCES)))
        ((head,),) = rows("select max(notification_id) from stored_events")
        wait_for("relayed", lambda: position() == head, RELAYED_SECONDS)
        for process in (one, other):
            process.terminate()
            assert process.exit_status() == 0
    found = records(kafka_settings)
    assert [*faults_of_topic(found, read_database(dsn))] == []
    again = sorted(int(record.headers["position"]) for record in repeats(found))
    assert len(again) <= PAGE
    assert not again or again[-1] - again[0] < PAGE, "of one page"
    print(f"stopped at {stopped_at} of {head}; {len(again)} messages came again")


def test_nothing_personal_and_no_ticket_is_on_the_topic(
    service: MakeService, dsn: str, kafka_settings: KafkaSettings
) -> None:
    """A whole life of orders by the real service, all of it in one process, with the broker behind it."""
    running = service(settings={**settings_for(dsn, kafka_settings), "OTA_CM_ROLES": "all"}).start()
    running.ready()
    operator = running.client()
    publish_catalog(operator)
    partner_id = str(operator.got("POST", "/admin/partners", {"name": f"{PERSONAL} Agent"})["partnerId"])
    key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "shop"})["key"])
    partner = running.client(key)
    secret = {number for reference in range(3) for number in _life(partner, partner_id, f"{CONTROL}-{reference}")}
    wait_for("done", lambda: not lags(operator), 30, detail=lambda: lags(operator))
    assert "relay" in {one["name"] for one in operator.got("GET", "/admin/status")["consumers"]}
    _figures_are_told(running)
    running.terminate()
    assert running.exit_status() == 0

    found = records(kafka_settings)
    assert [*faults_of_topic(found, read_database(dsn))] == []
    kinds = {record.headers["ce_type"].removeprefix("ota.cm.order.") for record in found}
    wanted = ("submitted", "scheduled", "processing", "issued", "draft", "confirmed", "cancelled", "removed")
    assert kinds == {f"{kind}.v1" for kind in wanted}
    assert not repeats(found)
    raw = [" ".join([one.key, one.value.decode(), *one.headers, *one.headers.values()]) for one in found]
    assert all(CONTROL in text for text in raw), "the search finds nothing at all"
    sought = {PERSONAL, key, OPERATOR_KEY, *secret}
    assert len(secret) > 20
    assert {text for text in sought for one in raw if text.lower() in one.lower()} == set()


def _life(partner: Client, partner_id: str, reference: str) -> list[str]:
    """One order is issued and cancelled, one drafted, replaced and confirmed, one removed; what guests would show."""
    issued = _settled(partner, _submitted(partner, _body(partner_id, f"{reference}-i", paid=True)), "Issued")
    draft_body = _body(partner_id, f"{reference}-d", paid=False)
    draft_id = _submitted(partner, draft_body)
    drafted = _settled(partner, draft_id, "Draft")
    partner.got("PUT", f"/channelManager/{draft_id}", draft_body)
    replaced = _settled(partner, draft_id, "Draft")
    partner.got("POST", f"/channelManager/{draft_id}/confirm", {"paymentReference": f"{PERSONAL}-PAY"})
    partner.got("DELETE", f"/channelManager/{issued['orderId']}")
    removed_id = _submitted(partner, _body(partner_id, f"{reference}-r", paid=False))
    removed = _settled(partner, removed_id, "Draft")
    assert partner.call("DELETE", f"/channelManager/{removed_id}").status in {200, 204}
    return [number for order in (issued, drafted, replaced, removed) for number in _numbers(order)]


def _body(partner_id: str, reference: str, *, paid: bool) -> dict[str, Any]:
    """Marked in every place that holds a name, an e-mail or a guest's own number."""
    body = order_body(partner_id, reference, paid=paid)
    body.update(sellToName=f"{PERSONAL} order", sellToEmail=f"{PERSONAL}.order@example.com")
    line = body["items"][0]
    line.update(sellToName=f"{PERSONAL} line", sellToEmail=f"{PERSONAL}.line@example.com")
    own = [f"{PERSONAL}-{reference}-{number}" for number in (1, 2)]
    line["wallet"] = {"names": [f"{PERSONAL} first", f"{PERSONAL} second"], "externalReferenceNumbers": own}
    return body


def _submitted(partner: Client, body: dict[str, Any]) -> str:
    return str(partner.got("POST", "/channelManager", body)["orderId"])


def _settled(partner: Client, order_id: str, status: str) -> Any:
    path = f"/channelManager/{order_id}"
    wait_for(status, lambda: partner.got("GET", path)["status"] == status, 30)
    order = partner.got("GET", path)
    assert PERSONAL in str(order)
    return order


def _numbers(of: object) -> Iterator[str]:
    """Every number of a wallet, a ticket or a coupon in an answer."""
    if isinstance(of, dict):
        for name, value in of.items():
            if "ReferenceNumber" in name or name in {"referenceNumber", "assetId", "walletId"}:
                yield str(value)
            else:
                yield from _numbers(value)
    elif isinstance(of, list):
        for value in of:
            yield from _numbers(value)


def _figures_are_told(running: Service) -> None:
    """README names them all, those of Kafka in a table of their own."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=20) as answer:
        scraped = set(re.findall(r"^# TYPE (ota_cm_\w+) ", answer.read().decode(), re.MULTILINE))
    readme = (REPOSITORY / "README.md").read_text()
    of_kafka = ("ota_cm_relay_", "ota_cm_feed_", "ota_cm_dead_letters")
    told = {name for name in re.findall(r"^\| `(ota_cm_\w+)[`{]", readme, re.MULTILINE) if name.startswith(of_kafka)}
    assert told == {name for name in scraped if name.startswith(of_kafka)}
    assert len(told) > 8


def test_a_topic_that_does_not_fit_is_told_at_the_start(
    service: MakeService, dsn: str, kafka_settings: KafkaSettings
) -> None:
    asyncio.run(ensure_topic(replace(kafka_settings, partitions=3)))
    settings = {**settings_for(dsn, kafka_settings), "OTA_CM_LOG_LEVEL": "error"}
    status, output = service("--roles", "relay", settings=settings).run_to_end()
    assert (status, len(output.splitlines())) == (2, 1), output
    assert "has 3 partitions and should have 12" in output


@pytest.mark.parametrize("roles", ["relay", "all"])
def test_a_broker_that_is_away_is_no_reason_not_to_start(
    service: MakeService, dsn: str, unused_tcp_port: int, roles: str
) -> None:
    settings = settings_for(dsn, KafkaSettings((f"127.0.0.1:{unused_tcp_port}",)))
    running = service("--port", "0", "--roles", roles, settings=settings).start()
    running.ready()
    wait_for("told in the log", lambda: "relay_waits_for_kafka" in running.output(), 30)
    assert running.client(None).call("GET", "/readyz").status == 200
    running.terminate()
    assert running.exit_status() == 0
