"""How each event is stored, for ever: what is written today is what was written first, and all of it can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.event_store.mapper import EventMapper
from infra.event_store.topics import TOPICS, UPCASTS
from tests.golden.examples import EXAMPLES, FULLER, METADATA
from tests.golden.files import FOLDER, golden_file, stored_example, write_missing


def _state(topic: str) -> bytes:
    return golden_file(topic).read_bytes().removesuffix(b"\n")


def test_every_topic_has_its_file_and_every_file_its_topic() -> None:
    files = {file.name.removesuffix(".json") for file in FOLDER.glob("*.json")}
    assert files - FULLER.keys() == TOPICS.keys() | UPCASTS.keys() == EXAMPLES.keys()
    assert files >= FULLER.keys()


@pytest.mark.parametrize("topic", TOPICS)
def test_an_event_is_stored_as_it_always_was(topic: str) -> None:
    event = EXAMPLES[topic]
    assert type(event) is TOPICS[topic]
    assert stored_example(event) == _state(topic)


@pytest.mark.parametrize("topic", [*TOPICS, *UPCASTS])
def test_what_was_stored_is_read_as_what_it_was(topic: str) -> None:
    stored_example(EXAMPLES[topic])  # seals the example's own texts
    stored = EventMapper().from_row(topic, _state(topic))
    assert stored.data == EXAMPLES[topic]
    assert stored.metadata == METADATA


@pytest.mark.parametrize("shape", FULLER)
def test_a_fuller_shape_is_stored_and_read_as_it_always_was(shape: str) -> None:
    event, topic = FULLER[shape], shape.partition("+")[0]
    assert type(event) is TOPICS[topic]
    assert stored_example(event) == _state(shape)
    assert EventMapper().from_row(topic, _state(shape)).data == event


def test_a_file_that_is_there_is_never_written_anew(tmp_path: Path) -> None:
    examples = {"order.void_requested.v1": EXAMPLES["order.void_requested.v1"]}
    assert write_missing(examples, tmp_path) == ["order.void_requested.v1"]
    golden_file("order.void_requested.v1", tmp_path).write_bytes(b"as it was")
    assert write_missing(examples, tmp_path) == []
    assert golden_file("order.void_requested.v1", tmp_path).read_bytes() == b"as it was"
