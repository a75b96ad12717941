"""The golden files: `<topic>.json` holds the `state` of a row, byte for byte as it was first stored.

A new event, or a new version of one, gets its example in `examples.py` and its file by

    python -m tests.golden.files

which writes what is missing and never changes what is there: rows like these are in people's logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra.event_store.mapper import EventMapper
from tests.golden.examples import EXAMPLES, FULLER, METADATA, ReadableSeal

FOLDER = Path(__file__).parent


def golden_file(topic: str, folder: Path = FOLDER) -> Path:
    return folder / f"{topic}.json"


def stored_example(event: object) -> bytes:
    """The state of a row that holds the event."""
    mapper = EventMapper()
    return mapper.to_row(event, mapper.metadata(METADATA), ReadableSeal()).state


def write_missing(examples: Mapping[str, object] = {**EXAMPLES, **FULLER}, folder: Path = FOLDER) -> list[str]:
    """Write the files that are missing; their topics."""
    written = []
    for topic, event in examples.items():
        try:
            with golden_file(topic, folder).open("xb") as file:
                file.write(stored_example(event) + b"\n")
        except FileExistsError:
            continue
        written.append(topic)
    return written


if __name__ == "__main__":
    for topic in write_missing():
        print(f"written: {golden_file(topic)}")
