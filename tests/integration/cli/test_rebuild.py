"""`rebuild`, beside a running service and alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import psycopg

from projections.beside import _LOCK as REBUILD_LOCK
from tests.bench.processes import Server
from tests.integration.cli.calls import Answer, call, eventually
from tests.integration.cli.terminal import Terminal


def test_rebuild_beside_a_service_makes_good_what_was_lost_and_the_service_goes_on(
    terminal: Terminal, service: Server, dsn: str
) -> None:
    shop = Shop(service.port, terminal.settings["OTA_CM_OPERATOR_KEY"])
    shop.order("A-1")
    shop.order("A-2")
    before = shop.listed_when_issued("A-2", "A-1")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("delete from orders")
        head = connection.execute("select max(notification_id) from stored_events").fetchone()
    assert shop.listed().body["data"] == []

    rebuilt = terminal.json("rebuild", "orders")

    assert rebuilt.pop("seconds") > 0
    assert head is not None
    assert rebuilt == {"projection": "orders", "events": head[0], "parked": 0}
    assert shop.listed().body == before.body
    shop.order("A-3")
    shop.listed_when_issued("A-3", "A-2", "A-1")


def test_rebuild_says_how_far_it_is_and_what_it_did(terminal: Terminal) -> None:
    assert terminal.type("key", "create", "--scope", "gate", "--name", "an event").returncode == 0
    done = terminal.type("rebuild")
    assert done.returncode == 0
    assert done.stderr == "orders: 1 of 1 events\n"
    assert re.fullmatch(r"orders: 1 events in \d+\.\d\d s, swapped\n", done.stdout)


def test_a_second_rebuild_at_the_same_time_is_refused(terminal: Terminal, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (REBUILD_LOCK,))
        line = terminal.refusal(1, "rebuild")
    assert line == "channel-manager: orders: Another process is filling a table beside the live one."


class Shop:
    """A partner of the service's, and what it does."""

    def __init__(self, port: int, operator_key: str) -> None:
        self._port = port
        self._key = operator_key
        made = call(port, operator_key, "POST", "/admin/partners", {"name": "Agent"})
        assert made.status == 201, made
        self._partner_id = made.body["partnerId"]

    def order(self, reference: str) -> None:
        visit_date = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
        body = {
            "partnerId": self._partner_id,
            "sellToOrderReference": reference,
            "paymentReference": "PAID",
            "items": [{"itemNumber": "31001", "visitDate": visit_date, "visitTime": "10:00:00"}],
        }
        taken = call(self._port, self._key, "POST", "/channelManager", body)
        assert taken.status == 201, taken

    def listed(self) -> Answer:
        return call(self._port, self._key, "GET", f"/channelManager/orders/{self._partner_id}")

    def listed_when_issued(self, *references: str) -> Answer:
        """The list once it shows exactly these, newest first, all Issued."""
        wanted = [(reference, "Issued") for reference in references]
        return eventually(
            self.listed,
            lambda answer: [(row["sellToOrderReference"], row["status"]) for row in answer.body["data"]] == wanted,
        )
