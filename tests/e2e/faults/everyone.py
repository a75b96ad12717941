"""Every operation of the service, asked again and again by a client of its own each.

Beside a load of order lives: these see to it that whatever goes wrong at any moment, each operation meets it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from tests.always_open import ALWAYS_OPEN
from tests.e2e.client import Client, NoAnswer
from tests.e2e.faults.conduct import Conduct
from tests.e2e.load import IN_FLIGHT, order_body
from tests.e2e.service import OPERATOR_KEY, wait_for
from tests.e2e.venue import Venue

Ask = Callable[[Client], None]

DRAFTS = 5


@contextmanager
def everyone_asking(venue: Venue, conduct: Conduct, pause_seconds: float) -> Iterator[Callable[[], None]]:
    """Ask for as long as the block runs, each after a pause, or until what it gives is called.

    What was answered is in `conduct`.
    """
    stop = threading.Event()
    faults: list[BaseException] = []

    def run(client: Client, ask: Ask) -> None:
        while not stop.wait(pause_seconds):
            try:
                ask(client)
            except NoAnswer:
                continue  # it is in `conduct`
            except BaseException as fault:
                faults.append(fault)
                raise

    asks = _asks_of_the_partner(venue) + _asks_of_an_operator(venue)
    threads = [
        threading.Thread(target=run, args=(conduct.client(venue.key if partner else OPERATOR_KEY), ask), daemon=True)
        for partner, ask in asks
    ]
    for thread in threads:
        thread.start()

    def fall_silent() -> None:
        stop.set()
        for thread in threads:
            thread.join(30)

    try:
        yield fall_silent
    finally:
        fall_silent()
    assert not faults, faults


def _asks_of_the_partner(venue: Venue) -> list[tuple[bool, Ask]]:
    partner = venue.partner()

    def made(reference: str, *, paid: bool = False) -> str:
        """The path of a new order that has settled."""
        body = order_body(venue.partner_id, reference, paid=paid)
        path = f"/channelManager/{partner.got('POST', '/channelManager', body)['orderId']}"
        wait_for("settled", lambda: partner.got("GET", path)["status"] not in IN_FLIGHT, 15)
        return path

    order = made("READ", paid=True)
    replaced = made("REPLACED")
    to_confirm, to_cancel = ([made(f"{what}-{n}") for n in range(DRAFTS)] for what in ("CONFIRMED", "CANCELLED"))
    subscription = partner.got("GET", "/webhook")["data"][0]["id"]
    moment = quote(datetime.now(UTC).isoformat())
    numbers = count()

    def create(client: Client) -> None:
        client.call("POST", "/channelManager", order_body(venue.partner_id, f"NEW-{next(numbers)}", paid=True))

    def create_with_key(client: Client) -> None:
        key = f"KEYED-{next(numbers)}"
        body = order_body(venue.partner_id, key, paid=True)
        while client.call("POST", "/channelManager", body, {"Idempotency-Key": key}).status == 503:
            pass

    def replace(client: Client) -> None:
        client.call("PUT", replaced, order_body(venue.partner_id, "REPLACED", paid=False))

    def confirm(client: Client, path: str) -> int:
        return client.call("POST", f"{path}/confirm", {"paymentReference": "P"}).status

    def cancel(client: Client, path: str) -> int:
        return client.call("DELETE", path).status

    asks = [
        create,
        create_with_key,
        replace,
        _one_by_one(to_confirm, confirm),
        _one_by_one(to_cancel, cancel),
        *_getting(
            order,
            f"{order}?asOf={moment}",
            f"{order}/history",
            f"/channelManager/orders/{venue.partner_id}",
            f"/channelManager/orders/{venue.partner_id}?sync=true",
            "/webhook",
            f"/webhook/{subscription}",
        ),
    ]
    return [(True, ask) for ask in asks]


def _asks_of_an_operator(venue: Venue) -> list[tuple[bool, Ask]]:
    other = venue.operator.got("POST", "/admin/partners", {"name": "Bystander"})["partnerId"]
    catalog = json.loads(ALWAYS_OPEN.read_text())
    subscription = {"notificationUrl": venue.endpoint.url, "eventName": "ota_cm_order_processed", "partnerId": other}

    def make_and_end(path: str, body: Any, ended: Callable[[dict[str, Any]], str]) -> Ask:
        def ask(client: Client) -> None:
            made = client.call("POST", path, body)
            if made.status == 201:
                client.call("DELETE", ended(made.body))

        return ask

    def change_partner(client: Client) -> None:
        client.call("PATCH", f"/admin/partners/{other}", {"name": "Bystander"})

    def publish(client: Client) -> None:
        client.call("PUT", "/admin/catalog", catalog)

    def with_unknown_key(client: Client) -> None:
        client.call("GET", "/webhook", None, {"Authorization": "Bearer ota_p_nobody"})

    asks = [
        make_and_end("/admin/partners", {"name": "Short-lived"}, lambda made: f"/admin/partners/{made['partnerId']}"),
        make_and_end(f"/admin/partners/{other}/keys", {"name": "k"}, lambda made: f"/admin/keys/{made['keyId']}"),
        make_and_end("/admin/keys", {"scope": "auditor", "name": "k"}, lambda made: f"/admin/keys/{made['keyId']}"),
        make_and_end("/webhook", subscription, lambda made: f"/webhook/{made['id']}"),
        change_partner,
        publish,
        with_unknown_key,
        *_getting(
            "/admin/partners",
            f"/admin/partners/{other}",
            f"/admin/partners/{other}/keys",
            "/admin/keys",
            "/admin/catalog",
            "/admin/status",
            "/readyz",
            "/healthz",
        ),
    ]
    return [(False, ask) for ask in asks]


def _getting(*paths: str) -> list[Ask]:
    def getting(path: str) -> Ask:
        def ask(client: Client) -> None:
            client.call("GET", path)

        return ask

    return [getting(path) for path in paths]


def _one_by_one(paths: list[str], command: Callable[[Client, str], int]) -> Ask:
    """Goes on to the next order once this one's command was answered for certain; the last is asked on and on."""
    left = iter(paths)
    path = next(left)

    def ask(client: Client) -> None:
        nonlocal path
        if command(client, path) != 503:
            path = next(left, path)

    return ask
