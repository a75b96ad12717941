"""One slot that everybody wants: two issuers over Kafka take places of it, beside the same without a limit."""

from pathlib import Path

from tests.bench.broker import running_kafka
from tests.bench.prepared import visit_date
from tests.bench.processes import Server
from tests.bench.settling import Settled, settle
from tests.bench.spans import Spans
from tests.bench.table import Row, at_least, at_most, plain
from tests.bench.venue import Venue, running_venue
from tests.chaos.jobs import jobs_by_issuer
from tests.e2e.truth import read_database

PROCESSES = ("api", "relay", "issuer", "issuer", "projector", "webhooks")

_PER_SECOND = 1000
_PLACES = 1_000_000
_FAIR = 0.2
"""The least that either issuer settles: partitions are shared by number, and keys spread over them evenly."""


def measure(spans: Spans, folder: Path) -> list[Row]:
    """Rounds of both over the same processes, after a run that is not counted.

    Every order takes two places of the same day; nothing is sold out.
    """
    limited: list[Settled] = []
    unlimited: list[Settled] = []
    with (
        running_kafka(folder / "kafka") as kafka,
        Server("tests.bench.receiver", log=folder / "receiver.log") as receiver,
        running_venue(folder / "service", *PROCESSES, kafka=kafka) as venue,
    ):
        venue.subscribe(f"http://127.0.0.1:{receiver.port}/webhook")
        _ = settle(venue, receiver, spans.settle_seconds)
        for _ in range(spans.settle_rounds):
            _limit(venue, _PLACES)
            limited.append(settle(venue, receiver, spans.settle_seconds))
            _limit(venue, None)
            unlimited.append(settle(venue, receiver, spans.settle_seconds))
        _limit(venue, _PLACES)
        query = f"?admission=MAIN&from={visit_date()}&to={visit_date()}"
        [slot] = venue.ask("GET", f"/admin/allotments{query}")["data"]
        shares = jobs_by_issuer(read_database(venue.dsn)).values()
        orders = sum(shares)
    per_second = [run.per_second for run in limited]
    without = [run.per_second for run in unlimited]
    return [
        at_least("hot slot, two issuers, Kafka: POST to settled", per_second, "orders/s", _PER_SECOND),
        plain("hot slot, beside the same without a limit", per_second, "orders/s", without),
        at_least("hot slot, orders settled by the issuer with fewer", min(shares) / orders, "of all", _FAIR),
        at_most("hot slot, places sold and not in orders", abs(slot["sold"] - 2 * orders), "places", 0),
        plain("hot slot, CPU of PostgreSQL", [run.cpu["PostgreSQL"] / run.orders * 1e6 for run in limited], "us/order"),
    ]


def _limit(venue: Venue, places: int | None) -> None:
    venue.ask("PUT", f"/admin/allotments/MAIN/{visit_date()}", {"capacity": places})
