"""All roles, each in a process of its own, with Kafka in the path: the distributed form of the service."""

from pathlib import Path

from tests.bench.broker import Kafka, running_kafka
from tests.bench.processes import Server, run_load
from tests.bench.rows.relay import measure_relay
from tests.bench.rows.webhook import measure_announcing
from tests.bench.settling import Settled, cpu_rows, settle
from tests.bench.spans import Spans
from tests.bench.table import Row, at_least, at_most, beyond, plain
from tests.bench.venue import running_venue
from tests.e2e.flood import stored_orders

ROLES = ("api", "relay", "issuer", "projector", "webhooks")

_P50_MS, _P99_MS = 25, 80
_PER_SECOND = 1500

# Offered more than it takes: so many times what settles, on so many connections that they are not the limit.
_TIMES = 3
_CONNECTIONS = 1000
_BACKLOG_SECONDS = 5.0
_REFUSED_MS = 250.0


def measure(spans: Spans, folder: Path) -> list[Row]:
    with running_kafka(folder / "kafka") as kafka:
        announcing = _announcing(spans, folder / "announcing", kafka)
    with running_kafka(folder / "kafka-again") as kafka:
        sustained = _sustained(spans, folder / "sustained", kafka)
    with running_kafka(folder / "kafka-flooded") as kafka:
        flooded = _flooded(spans, folder / "flooded", kafka, _TIMES * sustained.per_second)
    with running_kafka(folder / "kafka-behind") as kafka:
        relayed = measure_relay(spans, folder / "behind", kafka)
    return [
        at_least("POST to settled, Kafka, sustained", sustained.per_second, "orders/s", _PER_SECOND),
        beyond("POST to settled, Kafka, sustained", sustained.per_second, "orders/s", ">= 2,500"),
        plain("POST to settled, Kafka, accepted meanwhile", sustained.load.per_second, "orders/s"),
        plain("POST to webhook received, Kafka, sustained", _announced(sustained), "orders/s"),
        *cpu_rows("Kafka, a process a role", [sustained]),
        *announcing,
        *flooded,
        *relayed,
    ]


def _sustained(spans: Spans, folder: Path, kafka: Kafka) -> Settled:
    with (
        Server("tests.bench.receiver", log=_log(folder)) as receiver,
        running_venue(folder / "service", *ROLES, kafka=kafka) as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        _ = settle(venue, receiver, spans.settle_seconds)  # until all have met all that they will meet
        return settle(venue, receiver, spans.sustained_seconds)


def _announced(run: Settled) -> float:
    return run.orders / run.announced_seconds


def _announcing(spans: Spans, folder: Path, kafka: Kafka) -> list[Row]:
    with (
        Server("tests.bench.receiver", log=_log(folder)) as receiver,
        running_venue(folder / "service", *ROLES, kafka=kafka) as venue,
    ):
        latencies, result = measure_announcing(spans, venue, receiver, folder / "orders.txt")
    what = "POST to webhook at 50 orders/s, Kafka"
    return [
        at_most(f"{what}, p50", latencies.p50_ms, "ms", _P50_MS),
        beyond(f"{what}, p50", latencies.p50_ms, "ms", "<= 10"),
        at_most(f"{what}, p99", latencies.p99_ms, "ms", _P99_MS),
        beyond(f"{what}, p99", latencies.p99_ms, "ms", "<= 19"),
        plain(f"{what}, max", latencies.max_ms, "ms"),
        plain("createOrder at 50 orders/s, Kafka, p99", result.p99_ms, "ms"),
    ]


def _flooded(spans: Spans, folder: Path, kafka: Kafka, rate: float) -> list[Row]:
    """Open loop, whatever is answered; every order that was taken settles."""
    settings = {"OTA_CM_MAX_BACKLOG_SECONDS": f"{_BACKLOG_SECONDS:g}"}
    pace = ("--rate", f"{rate:.0f}", "--connections", str(_CONNECTIONS), "--greet")
    length = ("--warm-up", "0", "--seconds", str(spans.flood_seconds))
    with (
        Server("tests.bench.receiver", log=_log(folder)) as receiver,
        running_venue(folder / "service", *ROLES, settings=settings, kafka=kafka) as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        load = run_load("create", *venue.load_arguments, *pace, *length, expected={"201", "503"})
        venue.wait_until_settled(120)
        stored = stored_orders(venue.dsn)
    refused = load.by_status["503"]
    unsettled = load.all_status["201"] - stored.settled
    what = "offered more than it takes, Kafka"
    return [
        plain(f"{what}: offered", rate, "orders/s"),
        plain(f"{what}: taken", load.status["201"] / load.seconds, "orders/s"),
        plain(f"{what}: refused (503), p50", refused.p50_ms, "ms"),
        at_most(f"{what}: refused (503), p99", refused.p99_ms, "ms", _REFUSED_MS),
        at_most(f"{what}: longest wait for pick-up", stored.longest_wait, "s", _BACKLOG_SECONDS),
        at_most(f"{what}: 503 without Retry-After", load.without_retry_after, "answers", 0),
        at_most(f"{what}: taken and not settled", unsettled, "orders", 0),
    ]


def _log(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / "receiver.log"
