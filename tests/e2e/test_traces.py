"""Traces over processes of their own, from the request to the topic and the webhook; a collector that is no help."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from infra.kafka.settings import KafkaSettings
from tests.bench.processes import Server
from tests.e2e.client import Client
from tests.e2e.crash_points.partner import publish_catalog
from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import order_body
from tests.e2e.service import OPERATOR_KEY, Service, wait_for
from tests.e2e.topic import kafka_environment, records
from tests.e2e.venue import Venue
from tests.integration.api.serving import environment

MakeService = Callable[..., Service]

TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CLIENT}-01"
ARRIVED_SECONDS = 30.0
SPANS = ("createOrder", "schedule order", "issue tickets", "settle order", "deliver webhook")


class Collector(NamedTuple):
    port: int
    client: Client

    @property
    def settings(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def spans(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.got("GET", "/spans")
        return found


@pytest.fixture
def collector(folder: Path) -> Iterator[Collector]:
    with (
        Server("tests.e2e.collector", log=folder / "collector.log") as server,
        closing(Client(lambda: server.port, None)) as client,
    ):
        yield Collector(server.port, client)


def test_one_trace_over_the_roles_the_topic_and_the_webhook(
    service: MakeService, folder: Path, dsn: str, kafka_topic: KafkaSettings, collector: Collector
) -> None:
    settings = {
        **environment(dsn, OTA_CM_OPERATOR_KEY=OPERATOR_KEY, OTA_CM_PUBLIC_URL=""),
        **kafka_environment(kafka_topic),
        **collector.settings,
    }
    api = service("--roles", "api,projector", "--port", "0", name="api", settings=settings).start()
    relay = service("--roles", "relay", name="relay", settings={**settings, "OTEL_SERVICE_NAME": "our-relay"}).start()
    saga = service("--roles", "issuer,webhooks", name="saga", settings=settings).start()
    for one in (api, relay, saga):
        one.ready()
    publish_catalog(api.client())
    with running_endpoint(folder) as endpoint:
        venue = Venue(api, endpoint, dsn=dsn)
        body = order_body(venue.partner_id, "R-1", paid=True)
        made = venue.partner().call("POST", "/channelManager", body, {"traceparent": PARENT})
        assert made.status == 201, made
        order_id = made.body["orderId"]
        wait_for("told", lambda: endpoint.deliveries(venue.secret), ARRIVED_SECONDS, detail=saga.output)
        (delivered,) = endpoint.arrived()
    events = _traceparents(dsn, order_id)
    wait_for("on the topic", lambda: len(_messages(kafka_topic, order_id)) == len(events), ARRIVED_SECONDS, every=0.5)
    messages = _messages(kafka_topic, order_id)

    def of_the_trace() -> dict[str, dict[str, Any]]:
        return {span["name"]: span for span in collector.spans() if span["trace"] == TRACE}

    def pages() -> list[dict[str, Any]]:
        sent = [span for span in collector.spans() if span["name"] == f"send {kafka_topic.topic}"]
        return [span for span in sent if TRACE in span["links"]]

    wait_for("all spans", lambda: of_the_trace().keys() == set(SPANS) and pages(), ARRIVED_SECONDS, detail=of_the_trace)
    create, schedule, issue, settle, deliver = (of_the_trace()[name] for name in SPANS)
    parents = [span["parent"] for span in (create, schedule, issue, settle, deliver)]
    assert parents == [CLIENT, create["span"], schedule["span"], schedule["span"], settle["span"]]
    carried = {topic: traceparent.split("-")[1:3] for topic, traceparent in events.items()}
    assert carried == {
        "order.submitted.v1": [TRACE, create["span"]],
        "order.scheduled.v1": [TRACE, schedule["span"]],
        "order.processing.v1": [TRACE, schedule["span"]],
        "order.issued.v1": [TRACE, settle["span"]],
    }
    assert messages == list(events.values())
    assert delivered["headers"]["traceparent"].split("-")[1:3] == [TRACE, deliver["span"]]
    assert {span["resource"]["service.name"] for span in of_the_trace().values()} == {"ota-channel-manager"}
    assert {span["resource"]["service.name"] for span in pages()} == {"our-relay"}
    assert create["resource"]["service.instance.id"] != schedule["resource"]["service.instance.id"]
    for one in (api, relay, saga):
        one.terminate()
        assert one.exit_status() == 0


def _traceparents(dsn: str, order_id: str) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "select topic, convert_from(state, 'UTF8') from stored_events where originator_id = %s"
            " order by originator_version",
            (order_id,),
        ).fetchall()
    return {topic: json.loads(state)["metadata"]["traceparent"] for topic, state in rows}


def _messages(kafka: KafkaSettings, order_id: str) -> list[str]:
    return [record.headers["traceparent"] for record in records(kafka) if record.key == order_id]


def test_what_was_done_last_is_sent_at_the_end(service: MakeService, dsn: str, collector: Collector) -> None:
    late = {**collector.settings, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    running = service("--roles", "api", "--port", "0", settings={**_own(dsn), **late}).start()
    running.ready()
    running.client().got("GET", "/admin/partners")
    assert collector.spans() == []
    running.terminate()
    assert running.exit_status() == 0
    assert [span["name"] for span in collector.spans()] == ["listPartners"]


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "is-away"])
def test_a_collector_that_is_no_help(service: MakeService, dsn: str, hangs: bool) -> None:
    """Requests do not wait for it, the log stays readable, and the process ends in time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not hangs:
            listening.close()
        settings = {
            **_own(dsn),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "64",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16",
        }
        running = service("--roles", "api", "--port", "0", settings=settings).start()
        running.ready()
        client = running.client()
        for _ in range(300):
            client.got("GET", "/admin/partners")
        began = time.monotonic()
        running.terminate()
        assert running.exit_status() == 0
        assert time.monotonic() - began < 8
    lines = [line for line in running.output().splitlines() if '"request"' not in line]
    assert 1 <= len([line for line in lines if "span" in line.lower() or "traces_cut_short" in line]) <= 8, lines
    if hangs:
        assert "traces_cut_short" in running.output()


def _own(dsn: str) -> dict[str, str]:
    return environment(dsn, OTA_CM_OPERATOR_KEY=OPERATOR_KEY, OTA_CM_PUBLIC_URL="")


def test_what_is_not_spoken_is_told_at_the_start(service: MakeService, dsn: str) -> None:
    for name, value in (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0")):
        settings = {**_own(dsn), "OTEL_TRACES_EXPORTER": "otlp", name: value}
        status, output = service("--roles", "api", "--port", "0", settings=settings).run_to_end()
        assert (status, len(output.splitlines())) == (2, 1), output
        assert "OTEL_" in output
