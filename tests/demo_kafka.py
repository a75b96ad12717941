"""`make demo-kafka`: a Kafka broker of its own, by Docker or by Java and Maven, and the walk-through over it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from infra.kafka.broker_jars import BrokerUnavailable
from tests.brokers import broker_in, docker_answers, remove_left, what_is_missing

CANNOT_START = 2


def main() -> int:
    """The walk-through's exit status; 2 with one line on standard error where there can be no broker."""
    if (missing := what_is_missing()) is not None:
        print(f"demo-kafka: {missing}, or start Docker", file=sys.stderr)
        return CANNOT_START
    # Before anything is made: however this ends but by kill -9, nothing is left.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)
    folder = Path(tempfile.mkdtemp(prefix="ota-demo-kafka-"))
    broker = broker_in(folder / "broker")
    try:
        print(f"Kafka: a broker of its own, by {'Docker' if docker_answers() else 'Java'} ...", flush=True)
        broker.start()
        print(f"Kafka: ready at {broker.bootstrap}\n", flush=True)
        return _walk_through(broker.bootstrap)
    except BrokerUnavailable as unavailable:
        print(f"demo-kafka: {' '.join(str(unavailable).split())}", file=sys.stderr)
        return CANNOT_START
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        broker.stop()
        remove_left(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _walk_through(bootstrap: str) -> int:
    command = [sys.executable, "-m", "services", "demo", "--kafka", bootstrap]
    # A session of its own: Ctrl-C comes to us, and is passed on once.
    walk = subprocess.Popen(command, start_new_session=True)
    try:
        return walk.wait()
    except SystemExit as asked:
        walk.send_signal(asked.code - 128 if isinstance(asked.code, int) else signal.SIGTERM)
        return walk.wait()


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
