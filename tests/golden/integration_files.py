"""The golden files of public messages: `integration_events/<stored topic>.json`, one for each public event.

What other teams read: `v1` only gains fields, so nothing in a file may change or go. A new one is written by

    python -m tests.golden.integration_files

which writes what is missing and never changes what is there.
"""

from __future__ import annotations

import json
from typing import Any

from infra.kafka.producer import Message
from services.relay.integration_events import PUBLIC, LoggedEvent, public_message
from tests.golden.examples import STREAM
from tests.golden.files import FOLDER as STORED
from tests.golden.files import golden_file

FOLDER = STORED / "integration_events"
POSITION, VERSION, EPOCH = 4711, 3, 2


def message_of_stored(topic: str) -> Message:
    """The message of the golden stored event."""
    state = golden_file(topic).read_bytes().removesuffix(b"\n")
    return public_message(LoggedEvent(POSITION, STREAM, VERSION, topic, state), EPOCH, None)


def shown(message: Message) -> dict[str, Any]:
    assert message.key is not None
    assert message.value is not None
    return {
        "key": message.key.decode(),
        "headers": {name: value.decode() for name, value in message.headers},
        "value": json.loads(message.value),
    }


if __name__ == "__main__":
    for topic in PUBLIC:
        try:
            with golden_file(topic, FOLDER).open("x") as file:
                file.write(json.dumps(shown(message_of_stored(topic)), indent=2, ensure_ascii=False) + "\n")
        except FileExistsError:
            continue
        print(f"written: {golden_file(topic, FOLDER)}")
