"""`make chaos [ROUNDS=5] [SEED=…] [KAFKA=1]`: rounds of faults at random under load; exit status 1 where one fails."""

from __future__ import annotations

import argparse
import logging
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.brokers import Broker, broker_in, remove_left, what_is_missing
from tests.chaos.round import LONG, SHORT, run_round


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, help="of the first round, each later one has the next; default: any")
    parser.add_argument("--short", action="store_true", help="rounds as they run in CI")
    parser.add_argument("--kafka", action="store_true", help="with a broker, which is hit too")
    given = parser.parse_args(arguments)
    if given.kafka and (missing := what_is_missing()) is not None:
        print(f"chaos with Kafka: {missing}, or start Docker", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: nothing of the round is left running
    first = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is the round's own doing
    failed = []
    with _broker() if given.kafka else nullcontext() as broker:
        for seed in range(first, first + given.rounds):
            report = run_round(seed, SHORT if given.short else LONG, broker)
            print("\n".join(report.lines()))
            more = f"{' SHORT=1' if given.short else ''}{' KAFKA=1' if given.kafka else ''}"
            print(f"  again: make chaos ROUNDS=1 SEED={seed}{more}", flush=True)
            if report.faults:
                failed.append(seed)
    print(f"{given.rounds - len(failed)} of {given.rounds} rounds clean" + (f", not {failed}" if failed else ""))
    return 1 if failed else 0


@contextmanager
def _broker() -> Iterator[Broker]:
    """One for all rounds: each has a topic and a group of its own."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-kafka-"))
    broker = broker_in(folder / "broker")
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        remove_left(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
