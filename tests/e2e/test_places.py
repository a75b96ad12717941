"""The last places of a slot, over two api and two issuer processes and Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.kafka.settings import KafkaSettings
from tests.e2e.client import Client
from tests.e2e.crash_points.partner import publish_catalog
from tests.e2e.load import order_body
from tests.e2e.reading import lags
from tests.e2e.replay import faults_of_places_and_numbers
from tests.e2e.service import OPERATOR_KEY, Service, wait_for
from tests.e2e.topic import kafka_environment
from tests.integration.api.serving import environment

BUYERS = 100
AT_ONCE = 25
PROCESSES = ("api-1", "api-2", "relay-1", "issuer-1", "issuer-2", "projector-1", "webhooks-1")
SETTLED_SECONDS = 60.0


def test_of_a_hundred_buyers_of_the_last_place_one_gets_it(
    service: Callable[..., Service], dsn: str, kafka_settings: KafkaSettings
) -> None:
    settings = environment(
        dsn, OTA_CM_OPERATOR_KEY=OPERATOR_KEY, OTA_CM_PUBLIC_URL="", **kafka_environment(kafka_settings)
    )
    running = {}
    for name in PROCESSES:
        role = name.partition("-")[0]
        port = ("--port", "0") if role == "api" else ()
        one = service("--roles", role, *port, name=name, settings={**settings, "OTA_CM_INSTANCE": name})
        running[name] = one.start()
    for one in running.values():
        one.ready()
    apis = [running["api-1"], running["api-2"]]
    operator = apis[0].client()
    publish_catalog(operator)
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    operator.got("PUT", f"/admin/allotments/MAIN/{day}", {"capacity": 1})
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
    key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "shop"})["key"])

    def buy(number: int) -> str:
        buyer = apis[number % 2].client(key)
        body = order_body(partner_id, f"LAST-{number}", paid=True, quantity=1) | {"paymentReference": "P"}
        return str(buyer.got("POST", "/channelManager", body)["orderId"])

    with ThreadPoolExecutor(AT_ONCE) as crowd:
        order_ids = list(crowd.map(buy, range(BUYERS)))
    wait_for("settled", lambda: not lags(operator), SETTLED_SECONDS, detail=lambda: lags(operator))

    orders = [_order(apis[number % 2].client(key), order_id) for number, order_id in enumerate(order_ids)]
    assert Counter(order["status"] for order in orders) == {"Issued": 1, "Error": BUYERS - 1}
    for order in orders:
        if order["status"] == "Error":
            assert order["statusMessage"].startswith(
                f"Sold out: item 31001 (line 100000) on {day}. MAIN has 0 places left"
            )
    slots = operator.got("GET", f"/admin/allotments?admission=MAIN&from={day}&to={day}")["data"]
    taken = {"capacity": 1, "held": 0, "sold": 1, "free": 0}
    assert slots == [{"admission": "MAIN", "visitDate": day, "slotStart": None, **taken}]
    assert faults_of_places_and_numbers(dsn) == []


def _order(buyer: Client, order_id: str) -> dict[str, Any]:
    return dict(buyer.got("GET", f"/channelManager/{order_id}"))
