"""The service under test as a partner and an operator see it: its processes, a catalog, a partner with a key."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from psycopg.conninfo import make_conninfo

from tests.bench.broker import Kafka
from tests.bench.proc import tree_cpu_seconds
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
    """A running service with one partner that may sell one ticket.

    `processes`: by the roles of each, as in `serve --roles` (see `running_venue`); `server`: the one with the api.
    `kafka`: None without.
    """

    def __init__(
        self, processes: Mapping[str, Server], data: Path, env: dict[str, str], kafka: Kafka | None = None
    ) -> None:
        self._kafka = kafka
        self.processes = processes
        self.server = next(process for roles, process in processes.items() if roles in ("all", "api"))
        self.data = data
        self.env = env
        self.partner_id: str = ""
        self.key: str = ""

    @property
    def load_arguments(self) -> tuple[str, ...]:
        """What the load generator must know to be this partner."""
        return ("--port", str(self.server.port), "--key", self.key, "--partner", self.partner_id)

    @property
    def dsn(self) -> str:
        return make_conninfo(host=str(self.data.resolve()), user="postgres", dbname="postgres")

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has cost so far, by its roles; all of PostgreSQL's processes as one; the broker."""
        postmaster = int((self.data / "pg18" / "postmaster.pid").read_text().partition("\n")[0])
        costs = {roles: process.cpu_seconds() for roles, process in self.processes.items()}
        costs["PostgreSQL"] = tree_cpu_seconds(postmaster)
        if self._kafka is not None and (broker := self._kafka.cpu_seconds()) is not None:
            costs["Kafka"] = broker
        return costs

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

    def wait_until_projected(self, seconds: float) -> int:
        """Waits until the read model has come to the log's end; gives that position."""
        until = time.monotonic() + seconds
        consumers: Any = None
        while time.monotonic() < until:
            consumers = {one["name"]: one for one in self.ask("GET", "/admin/status")["consumers"]}
            if not consumers["orders"]["lag"]:
                return int(consumers["orders"]["head"])
            time.sleep(0.05)
        raise ProcessFailed(f"the read model is still behind after {seconds:g} s: {consumers}")


def service_environment(data: Path) -> dict[str, str]:
    """The settings of a service on an embedded PostgreSQL of its own.

    Logs are JSON, as in production; the rate limit is off, since one key sends everything.
    """
    return {
        "DATABASE_URL": "",
        "KAFKA_BOOTSTRAP_SERVERS": "",
        "OTA_CM_DATA_DIR": str(data),
        "OTA_CM_OPERATOR_KEY": OPERATOR_KEY,
        "OTA_CM_RATE_LIMIT": "off",
        "OTA_CM_LOG_FORMAT": "json",
        "OTA_CM_WEBHOOK_ALLOW_HTTP": "true",
        "OTA_CM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    }


def service_process(roles: str, log: Path, env: dict[str, str]) -> Server:
    """A process of the service, to be started. All have a port, for the line that says where it is ready."""
    return Server("services", "serve", "--port", "0", "--roles", roles, log=log, env=env)


@contextmanager
def running_venue(
    folder: Path, *processes: str, settings: Mapping[str, str] | None = None, kafka: Kafka | None = None
) -> Iterator[Venue]:
    """Starts the service with its data and its logs in `folder`, and opens the venue.

    `processes`: the roles of each: `all`, or `api` and any others; the second of a role is called `issuer-2`.
    """
    folder.mkdir(parents=True)
    data = folder / "data"
    env = {**service_environment(data), **(kafka.environment if kafka is not None else {}), **(settings or {})}
    with ExitStack() as stack:
        running: dict[str, Server] = {}
        for roles in processes:
            count = sum(name.partition("-")[0] == roles for name in running)
            name = roles if not count else f"{roles}-{count + 1}"
            named = {**env, "OTA_CM_INSTANCE": name}
            running[name] = stack.enter_context(service_process(roles, folder / f"{name}.log", named))
        venue = Venue(running, data, env, kafka)
        venue.open()
        yield venue
