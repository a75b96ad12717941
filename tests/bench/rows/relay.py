"""The relay when it has a log before it that was written while Kafka was away."""

import time
from pathlib import Path

import psycopg

from tests.bench.broker import Kafka
from tests.bench.history import write_past
from tests.bench.processes import ProcessFailed
from tests.bench.spans import Spans
from tests.bench.table import Row, at_least, plain
from tests.bench.venue import Venue, running_venue, service_process
from tests.e2e.topic import TYPES

_PER_SECOND = 20_000
_LOOK_SECONDS = 0.005
_SECONDS = 120.0

_STANDS = "select coalesce((select position from consumer_positions where name = 'relay'), 0)"
_HEAD = "select max(notification_id) from stored_events"
_PUBLIC = "select count(*) from stored_events where notification_id > %s and topic = any(%s)"


def measure_relay(spans: Spans, folder: Path, kafka: Kafka) -> list[Row]:
    """Messages acknowledged a second, from the first page stored to the end of the log; nothing else is at work."""
    with running_venue(folder / "service", "api", kafka=kafka) as venue:
        write_past(venue, spans.relayed_orders)
        before, broker_before = venue.cpu_seconds(), kafka.cpu_seconds()
        with service_process("relay", folder / "relay.log", venue.env) as relay:
            messages, seconds = _caught_up(venue)
            relay_cpu = relay.cpu_seconds()
        after, broker_after = venue.cpu_seconds(), kafka.cpu_seconds()
    rows = [
        at_least("relay catching up", messages / seconds, "events/s", _PER_SECOND),
        plain("relay catching up, messages", messages, "events"),
        plain("relay catching up, CPU of the relay", relay_cpu / messages * 1e6, "us/event"),
        plain(
            "relay catching up, CPU of PostgreSQL",
            (after["PostgreSQL"] - before["PostgreSQL"]) / messages * 1e6,
            "us/event",
        ),
    ]
    if broker_before is not None and broker_after is not None:
        cost = (broker_after - broker_before) / messages * 1e6
        rows.append(plain("relay catching up, CPU of Kafka", cost, "us/event"))
    return rows


def _caught_up(venue: Venue) -> tuple[int, float]:
    """How many messages in how many seconds."""
    with psycopg.connect(venue.dsn, autocommit=True) as connection:

        def asked(query: str, *parameters: object) -> int:
            row = connection.execute(query.encode(), parameters or None).fetchone()
            assert row is not None
            return int(row[0])

        head = asked(_HEAD)
        until = time.monotonic() + _SECONDS
        first, began = 0, 0.0
        while True:
            stands, now = asked(_STANDS), time.monotonic()
            if stands >= head:
                return asked(_PUBLIC, first, list(TYPES)), now - began
            if not first and stands:
                first, began = stands, now
            if now > until:
                raise ProcessFailed(f"the relay stands at {stands} of {head} after {_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)
