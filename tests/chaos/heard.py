"""What a plain consumer of the topic, a process of its own that nothing kills, has heard by now."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from infra.kafka.settings import KafkaSettings
from tests.e2e.service import REPOSITORY
from tests.e2e.topic import TYPES, Record
from tests.e2e.truth import Database

_POLL_SECONDS: Final = 0.1


class Placed(NamedTuple):
    partition: int
    offset: int
    record: Record


class Heard:
    """Reads on in the lines that the consumer writes; several may read, each for itself."""

    def __init__(self, lines: Path) -> None:
        self.lines = lines
        self._read = 0

    def more(self) -> list[Placed]:
        """What has come since the last call, in the consumer's order."""
        with self.lines.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        found = []
        for line in whole.splitlines():
            one = json.loads(line)
            record = Record(one["key"], one["headers"], one["value"].encode())
            found.append(Placed(one["partition"], one["offset"], record))
        return found

    def all_of(self, database: Database, seconds: float) -> list[Record]:
        """Everything from the beginning, once every public event is among it, or so many seconds have passed."""
        expected = {f"1:{event.stream}:{event.version}" for event in database.events if event.topic in TYPES}
        until = time.monotonic() + seconds
        own = Heard(self.lines)
        records: list[Record] = []
        while True:
            records += [placed.record for placed in own.more()]
            if expected <= {record.id for record in records} or time.monotonic() > until:
                return records
            time.sleep(_POLL_SECONDS)


@contextmanager
def listening(folder: Path, kafka: KafkaSettings) -> Iterator[Heard]:
    """A consumer of the topic, which must be there, from its beginning on. It must live to the end."""
    lines = folder / "heard.jsonl"
    command = [sys.executable, "-m", "services.demo.plain_consumer", ",".join(kafka.bootstrap_servers), kafka.topic]
    with lines.open("wb") as out, (folder / "consumer.log").open("wb") as complaints:
        consumer = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=complaints)
    try:
        yield Heard(lines)
        assert consumer.poll() is None, f"the consumer ended:\n{(folder / 'consumer.log').read_text()[-3000:]}"
    finally:
        consumer.kill()
        consumer.wait()
