"""`python -m tests.chaos.kafka_away`: Kafka is away for a minute under 200 orders a second."""

from __future__ import annotations

import argparse
import sys

from tests.bench.machine import this_machine
from tests.bench.table import Row, at_least, at_most, plain, print_rows
from tests.brokers import broker_in, kafka_settings_of, remove_left, what_is_missing
from tests.e2e.kafka_away import Away, away
from tests.e2e.stage import making_services, short_folder


def main(arguments: list[str]) -> int:
    """Exit status 1 where something was lost, doubled, left or refused; 2 where there can be no broker."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kafka_away", description=(__doc__ or "").strip())
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0, help="orders a second")
    options = parser.parse_args(arguments)
    if (missing := what_is_missing()) is not None:
        print(f"kafka_away: {missing}, or start Docker", file=sys.stderr)
        return 2
    with short_folder("kafka-away-") as folder, making_services(folder) as make:
        broker = broker_in(folder / "broker")
        try:
            broker.start()
            kafka = kafka_settings_of(broker)
            seen, faults = away(make, folder, broker, kafka, seconds=options.seconds, rate=options.rate)
        finally:
            broker.stop()
            remove_left(folder)
    rows = _rows(seen)
    print_rows(rows, this_machine())
    print("\n".join(faults[:20]) or "every order settled once, was announced, and is whole and in order on the topic")
    return 1 if faults or any(row.ok is False for row in rows) else 0


def _rows(seen: Away) -> list[Row]:
    load = seen.load
    return [
        plain("Kafka was away for", seen.away_seconds, "s"),
        plain("offered", seen.offered_per_second, "orders/s"),
        at_least("taken meanwhile", seen.accepted_per_second, "orders/s", 0.95 * seen.offered_per_second),
        plain("createOrder, p50", load.p50_ms, "ms"),
        plain("createOrder, p99", load.p99_ms, "ms"),
        plain("getOrder meanwhile, longest", seen.longest_read_ms, "ms"),
        plain("first settled without Kafka after", seen.first_settled_after, "s"),
        plain("settled meanwhile", seen.settled_meanwhile, "orders"),
        plain("settled a second, from the first on", seen.settled_per_second, "orders/s"),
        at_least("announced meanwhile", seen.announced_meanwhile, "orders", 1),
        plain("in flight at its return", seen.waiting, "orders"),
        plain("in flight, the most at any time", seen.most_waiting, "orders"),
        plain("depth before the relay at its return", seen.depth, "events"),
        at_most("relay at the log's end after", seen.relayed_after, "s", 60),
        plain("all settled after (the load goes on meanwhile)", seen.settled_after, "s"),
        plain("messages on the topic", seen.messages, "messages"),
        plain("messages that came again", seen.messages_again, "messages"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
