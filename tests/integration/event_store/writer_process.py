"""A process that writes to the event store until its input ends, and then says how many events it saved.

`python -m tests.integration.event_store.writer_process ours|stock DSN`: through our group commit, or through the
eventsourcing library's own recorder.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from infra.event_store.outcomes import Appended
from tests.contract.stock_recorder import stock_recorder
from tests.integration.event_store.saving import command, event, opened_writer, taking

CLIENTS = 4
PACE_SECONDS = 0.01  # slow enough for the readers to keep up on a busy machine
TOPICS = ("order.submitted.v1", "order.scheduled.v1", "reference.reserved.v1", "partner.created.v1")


def topics(turn: int) -> tuple[str, ...]:
    """Of one command: one to four events."""
    return TOPICS[: 1 + turn % len(TOPICS)] if turn % 2 else TOPICS[1 : 2 + turn % 3]


async def ours(dsn: str, over: threading.Event) -> int:
    async with opened_writer(dsn) as writer:

        async def client() -> int:
            saved = 0
            for turn in itertools.count():
                if over.is_set():
                    break
                events = [event(topic=topic) for topic in topics(turn)]
                slots = [taking(1, capacity=None), taking(0, 1, capacity=None, admission=f"{turn % 5}")]
                outcome = await writer.append(command(*events)._replace(slots=slots))
                assert isinstance(outcome, Appended)
                saved += len(events)
                await asyncio.sleep(PACE_SECONDS)
            return saved

        return sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))


def stock(dsn: str, over: threading.Event) -> int:
    saved = 0
    with stock_recorder(dsn) as recorder:
        for turn in itertools.count():
            if over.is_set():
                break
            events = [StoredEvent(uuid4(), 1, topic, b"{}") for topic in topics(turn)]
            recorder.insert_events(events)
            saved += len(events)
            time.sleep(PACE_SECONDS)
    return saved


def main() -> None:
    kind, dsn = sys.argv[1:]
    over = threading.Event()

    def until_input_ends() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=until_input_ends, daemon=True).start()
    print(asyncio.run(ours(dsn, over)) if kind == "ours" else stock(dsn, over))


if __name__ == "__main__":
    main()
