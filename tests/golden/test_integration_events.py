"""What other teams read of each event: it is what it was first, but for fields that came later."""

from __future__ import annotations

import json

import pytest

from infra.event_store.topics import ORDER_TOPICS, UPCASTS
from services.relay.integration_events import PRIVATE, PUBLIC, LoggedEvent, public_message
from tests.golden.examples import FULLER, STREAM
from tests.golden.files import golden_file
from tests.golden.integration_files import EPOCH, FOLDER, POSITION, VERSION, message_of_stored, shown


def test_every_event_of_an_order_is_public_or_said_to_be_private() -> None:
    assert not PUBLIC.keys() & PRIVATE
    of_orders = ORDER_TOPICS.keys() | {topic for topic in UPCASTS if topic.startswith("order.")}
    assert PUBLIC.keys() | PRIVATE == of_orders


def test_every_public_event_has_its_file_and_every_file_its_event() -> None:
    assert {file.name.removesuffix(".json") for file in FOLDER.glob("*.json")} == PUBLIC.keys()


@pytest.mark.parametrize("topic", PUBLIC)
def test_the_message_is_what_it_was_first(topic: str) -> None:
    assert shown(message_of_stored(topic)) == json.loads(golden_file(topic, FOLDER).read_text())


@pytest.mark.parametrize("shape", FULLER)
def test_nothing_more_goes_out_of_a_fuller_shape(shape: str) -> None:
    topic = shape.partition("+")[0]
    stored = golden_file(shape).read_bytes().removesuffix(b"\n")
    message = public_message(LoggedEvent(POSITION, STREAM, VERSION, topic, stored), EPOCH, None)
    assert shown(message) == json.loads(golden_file(topic, FOLDER).read_text())


@pytest.mark.parametrize("topic", PUBLIC)
def test_no_header_is_there_twice(topic: str) -> None:
    names = [name for name, _ in message_of_stored(topic).headers]
    assert len(set(names)) == len(names)
