"""The service under test as a partner and an operator see it: a process, a catalog, a partner with a key."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.processes import ProcessFailed, Server

OPERATOR_KEY = "operator-key-of-the-bench-and-of-nothing-else"
_CATALOG = {
    "venue": {
        "name": "Harbour Museum",
        "timeZone": "Europe/Copenhagen",
        "currencyCode": "DKK",
        "language": "ENU",
    },
    "admissions": [{"admission": "MAIN", "description": "Main entrance", "capacity": None}],
    "items": [
        {
            "itemNumber": "31001",
            "kind": "ticket",
            "description": "Day ticket, adult",
            "unitPriceInclVat": 125.00,
            "vatPercent": 25,
            "numberPattern": "T[N*12][A*6]",
            "admissions": ["MAIN"],
        }
    ],
}


class Venue:
    """A running service with one partner that may sell one ticket."""

    def __init__(self, server: Server, data: Path, env: dict[str, str]) -> None:
        self.server = server
        self.data = data
        self.env = env
        self.partner_id: str = ""
        self.key: str = ""

    @property
    def load_arguments(self) -> tuple[str, ...]:
        """What the load generator must know to be this partner."""
        return ("--port", str(self.server.port), "--key", self.key, "--partner", self.partner_id)

    def open(self) -> None:
        self.ask("PUT", "/admin/catalog", _CATALOG)
        self.partner_id = self.ask("POST", "/admin/partners", {"name": "Bench"})["partnerId"]
        self.key = self.ask("POST", f"/admin/partners/{self.partner_id}/keys", {"name": "bench"})["key"]

    def subscribe(self, notification_url: str) -> None:
        self.ask(
            "POST",
            "/webhook",
            {
                "notificationUrl": notification_url,
                "eventName": "ota_cm_order_processed",
                "partnerId": self.partner_id,
            },
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One call with the operator's key; the decoded answer. Raises ProcessFailed for any answer but 2xx."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}{path}",
            method=method,
            data=None if body is None else msgspec.json.encode(body),
            headers={"Authorization": f"Bearer {OPERATOR_KEY}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return msgspec.json.decode(answer.read())
        except urllib.error.HTTPError as refusal:
            raise ProcessFailed(f"{method} {path}: {refusal.code} {refusal.read()!r}") from refusal

    def wait_until_settled(self, seconds: float) -> int:
        """Waits until no order is in flight; gives the moment (CLOCK_MONOTONIC, ns), late by 50 ms at most.

        In flight is what /admin/status counts, and it counts nothing that the read models have not seen yet: so the
        issuer and the projector must also have come to the head of the log.
        """
        until = time.monotonic() + seconds
        status: Any = None
        while time.monotonic() < until:
            status = self.ask("GET", "/admin/status")
            behind = any(consumer["lag"] for consumer in status["consumers"] if "webhook" not in consumer["name"])
            if not behind and not any(status["inFlight"].values()):
                return time.monotonic_ns()
            time.sleep(0.05)
        raise ProcessFailed(f"orders are still in flight after {seconds:g} s: {status}")


@contextmanager
def running_venue(folder: Path, roles: str, settings: dict[str, str] | None = None) -> Iterator[Venue]:
    """Starts the service with its data and its log in `folder`, and opens the venue.

    Logs are JSON in a file, as in production; the rate limit is off, since one key sends everything.
    """
    folder.mkdir(parents=True)
    data = folder / "data"
    env = {
        "OTA_CM_DATA_DIR": str(data),
        "OTA_CM_OPERATOR_KEY": OPERATOR_KEY,
        "OTA_CM_RATE_LIMIT": "off",
        "OTA_CM_LOG_FORMAT": "json",
        "OTA_CM_WEBHOOK_ALLOW_HTTP": "true",
        "OTA_CM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        **(settings or {}),
    }
    server = Server("services", "serve", "--port", "0", "--roles", roles, log=folder / "service.log", env=env)
    with server:
        venue = Venue(server, data, env)
        venue.open()
        yield venue
