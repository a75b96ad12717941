"""`serve` as an operator meets it: how it starts, what it refuses, how it stops, and several of it together."""

from __future__ import annotations

import base64
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from tests.e2e.client import Client, NoAnswer
from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import Load, order_body
from tests.e2e.reading import faults_of_reads, lags
from tests.e2e.service import Service, wait_for
from tests.e2e.truth import faults_of_answers, faults_of_log, read_database

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()

MakeService = Callable[..., Service]


def _partner(service: Service) -> tuple[str, Client]:
    """A new partner's id, and a client with its key."""
    operator = service.client()
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
    return partner_id, service.client(
        str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "k"})["key"])
    )


def _order(partner: Client, partner_id: str, reference: str) -> str:
    return str(partner.got("POST", "/channelManager", order_body(partner_id, reference, paid=True))["orderId"])


def _status(partner: Client, order_id: str) -> str:
    return str(partner.got("GET", f"/channelManager/{order_id}")["status"])


def test_one_line_says_ready_and_where(service: MakeService) -> None:
    running = service("--port", "0", settings={"OTA_CM_CATALOG": ""}).start()
    running.ready()
    (line,) = running.ready_lines()
    assert line == f"channel-manager is ready at http://127.0.0.1:{running.port} (api, issuer, projector, webhooks)"
    assert running.port != 0
    client = running.client(None)
    assert client.got("GET", "/healthz") == {"status": "ok"}
    assert client.got("GET", "/readyz") == {"status": "ready"}
    operator = running.client()
    sample = {item["itemNumber"] for item in operator.got("GET", "/admin/catalog")["items"]}
    assert {"31001", "31005", "31009", "33001", "40001"} <= sample
    wait_for("nothing to do", lambda: not lags(operator), 10)
    running.terminate()
    assert running.exit_status() == 0
    with pytest.raises(NoAnswer):
        running.client(None).call("GET", "/healthz")


def test_a_second_start_on_the_same_folder_is_warm(service: MakeService) -> None:
    running = service().start()
    running.ready()
    partner_id, partner = _partner(running)
    order_id = _order(partner, partner_id, "R-1")
    wait_for("settled", lambda: _status(partner, order_id) == "Issued", 10)
    for stop in (signal.SIGTERM, signal.SIGINT):
        running.signal(stop)
        assert running.exit_status() == 0
        took = running.start().ready(20)
        print(f"ready again in {took:.2f} s")
        assert _status(partner, order_id) == "Issued"


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ((), {"OTA_CM_PICKUP_SECONDS": "soon"}, "OTA_CM_PICKUP_SECONDS: a number"),
        ((), {"OTA_CM_CATALOG": "/nowhere/catalog.json"}, "OTA_CM_CATALOG: there is no file"),
        ((), {"DATABASE_URL": "postgresql:///x"}, "OTA_CM_MASTER_KEY: required with DATABASE_URL"),
        ((), {"KAFKA_BOOTSTRAP_SERVERS": "localhost"}, "KAFKA_BOOTSTRAP_SERVERS: host:port"),
        (("--roles", "relay"), {}, "OTA_CM_ROLES: the role relay needs Kafka"),
        (("--roles", "api,cook"), {}, "OTA_CM_ROLES: .*cook"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, (tuple, dict)) else "",
)
def test_a_bad_setting_is_one_line_and_exit_status_2(
    service: MakeService, arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    refused = service(*arguments, settings=settings)
    status, output = refused.run_to_end()
    assert (status, len(output.splitlines())) == (2, 1), output
    assert re.match(f"channel-manager: {said}", output), output
    assert not refused.data.exists()


def test_a_port_in_use_is_one_line_and_exit_status_2(service: MakeService) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = service("--port", str(port))
        status, output = refused.run_to_end()
    assert (status, output) == (2, f"channel-manager: 127.0.0.1:{port} cannot be listened on: Address already in use\n")
    assert not refused.data.exists()


def test_two_api_processes_share_a_port_when_told(service: MakeService) -> None:
    first = service("--port", "0", "--reuse-port", name="first").start()
    first.ready()
    second = service("--port", str(first.port), "--reuse-port", "--roles", "api", name="second").start()
    second.ready()
    assert second.port == first.port
    first.kill()
    assert second.client().got("GET", "/readyz") == {"status": "ready"}


@pytest.mark.parametrize("where", ["nobody listens", "nobody answers", "no such database"])
def test_an_unreachable_database_is_one_line_and_exit_status_2(
    where: str, service: MakeService, request: pytest.FixtureRequest
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        if where == "nobody answers":
            mute.listen()
        url = f"postgresql://someone:secret-word@127.0.0.1:{mute.getsockname()[1]}/shop"
        if where == "no such database":
            server: EmbeddedPostgres = request.getfixturevalue("postgres")
            folder = quote(str(conninfo_to_dict(server.dsn)["host"]), safe="")
            url = f"postgresql://postgres@/nowhere?host={folder}"
        refused = service(settings={"DATABASE_URL": url, "OTA_CM_MASTER_KEY": MASTER_KEY})
        status, output = refused.run_to_end(seconds=15)
    assert (status, len(output.splitlines())) == (2, 1), output
    assert output.startswith("channel-manager: ")
    assert "secret-word" not in output


def test_a_process_without_the_api_serves_its_health_alone(service: MakeService) -> None:
    silent = service("--roles", "issuer,projector", name="silent").start()
    silent.ready()
    assert silent.ready_lines() == ["channel-manager is ready (issuer, projector)"]
    assert _listening(silent.pid) == set()
    told = service("--roles", "webhooks", "--port", "0", name="told").start()
    told.ready()
    client = told.client()
    assert client.got("GET", "/healthz") == {"status": "ok"}
    assert client.got("GET", "/readyz") == {"status": "ready"}
    for path in ("/channelManager", "/admin/status", "/webhook"):
        assert client.call("GET", path).status == 404
    assert client.call("POST", "/channelManager", {}).status == 404


def test_sigterm_under_load_ends_in_time_and_loses_nothing(service: MakeService) -> None:
    running = service().start()
    running.ready()
    partner_id, partner = _partner(running)
    key = partner.key
    load = Load(7, partner_id, lambda: running.client(key))
    load.start()
    wait_for("orders", lambda: load.ledger.accepted >= 50, 30)
    running.terminate()
    assert running.exit_status(10) == 0
    load.stop()
    running.start().ready()
    operator = running.client()
    wait_for("settled", lambda: not lags(operator), 20, detail=lambda: lags(operator))
    database = read_database(running.dsn)
    faults = [
        *load.ledger.surprises,
        *faults_of_log(database),
        *faults_of_answers(load.ledger.asked, database),
        *faults_of_reads(running.client(key), operator, partner_id, database),
    ]
    assert faults == []


def test_a_second_issuer_takes_over_from_one_that_was_killed(service: MakeService) -> None:
    api = service("--roles", "api,projector", "--port", "0", name="api").start()
    api.ready()
    partner_id, partner = _partner(api)
    issuers = []
    for name in ("first", "second"):
        issuers.append(service("--roles", "issuer", name=name).start())
        issuers[-1].ready()
        if name == "first":
            wait_for("a lease", lambda: "lease_acquired" in issuers[0].output(), 10)
    before = _order(partner, partner_id, "R-before")
    wait_for("settled", lambda: _status(partner, before) == "Issued", 10)
    assert '"lease":"issuer"' not in issuers[1].output()
    issuers[0].kill()
    after = _order(partner, partner_id, "R-after")
    took = wait_for("settled by the other", lambda: _status(partner, after) == "Issued", 15)
    print(f"taken over after {took:.1f} s")
    assert '"lease":"issuer"' in issuers[1].output()


@pytest.fixture
def database_url(folder: Path) -> Iterator[str]:
    """An own PostgreSQL, as an operator brings it: it belongs to none of the services."""
    with EmbeddedPostgres(folder / "own") as server:
        yield f"postgresql://postgres@/postgres?host={quote(str((folder / 'own').resolve()), safe='')}"
        assert server.postmaster_pid is not None


def test_a_process_per_role_works_together_on_one_database(
    folder: Path, service: MakeService, database_url: str
) -> None:
    settings = {"DATABASE_URL": database_url, "OTA_CM_MASTER_KEY": MASTER_KEY}
    roles = {}
    # All at once: each of them brings the schema up to date, or waits for the one that does.
    for role in ("api", "issuer", "projector", "webhooks"):
        arguments = ("--roles", role, *(("--port", "0") if role == "api" else ()))
        roles[role] = service(*arguments, name=role, settings=settings).start()
    for one in roles.values():
        one.ready()
    api = roles["api"]
    operator = api.client()
    operator.got("PUT", "/admin/catalog", _catalog())
    partner_id, partner = _partner(api)
    with running_endpoint(folder) as endpoint:
        subscription = {"notificationUrl": endpoint.url, "eventName": "ota_cm_order_processed"}
        secret = str(partner.got("POST", "/webhook", subscription)["secret"])
        orders = {_order(partner, partner_id, f"R-{number}") for number in range(20)}
        wait_for("told", lambda: {one.order_id for one in endpoint.deliveries(secret)} == orders, 20)
        wait_for("settled", lambda: not lags(operator), 20, detail=lambda: lags(operator))
    listed = operator.got("GET", f"/channelManager/orders/{partner_id}?status=Issued")["data"]
    assert {one["orderId"] for one in listed} == orders
    assert not any(one.data.exists() and any(one.data.iterdir()) for one in roles.values())
    for one in roles.values():
        one.terminate()
    assert [one.exit_status() for one in roles.values()] == [0, 0, 0, 0]


def test_the_embedded_postgres_stops_with_the_last_process_and_not_before(service: MakeService) -> None:
    first = service("--roles", "api,projector", "--port", "0", name="first").start()
    first.ready()
    second = service("--roles", "api,issuer", "--port", "0", name="second").start()
    second.ready()
    cluster = ClusterProcesses([first.data / "pg18"], binaries(18), choose(first.data / "pg18"))
    postmaster = first.postmaster()
    first.terminate()
    assert first.exit_status() == 0
    assert second.postmaster() == postmaster
    partner_id, partner = _partner(second)
    order_id = _order(partner, partner_id, "R-1")
    wait_for("settled", lambda: _status(partner, order_id) == "Issued", 10)
    second.terminate()
    assert second.exit_status() == 0
    assert cluster.pids() == []


def _catalog() -> dict[str, object]:
    ticket = {
        "itemNumber": "31001",
        "kind": "ticket",
        "description": "Day ticket",
        "unitPriceInclVat": 125.00,
        "vatPercent": 25,
        "numberPattern": "T[N*12][A*6]",
        "admissions": ["MAIN"],
    }
    coffee = {"itemNumber": "33001", "kind": "coupon", "description": "Coffee", "numberPattern": "C[AN*13]"}
    return {
        "venue": {"name": "Museum", "timeZone": "Europe/Copenhagen", "currencyCode": "DKK", "language": "ENU"},
        "admissions": [{"admission": "MAIN", "description": "Main entrance", "capacity": None}],
        "items": [ticket, {**coffee, "unitPriceInclVat": 30.00, "vatPercent": 25}],
    }


def _listening(pid: int) -> set[str]:
    """The TCP ports that a process listens on."""
    own = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                ports.add(fields[1])
    return ports
