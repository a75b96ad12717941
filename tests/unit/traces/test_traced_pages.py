"""A page's span, and what it links to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from infra.kafka.errors import KafkaUnavailable
from infra.kafka.producer import Message
from services.relay.traced import MAX_LINKS, TracedProducer
from tests.spans import CLIENT, KeptTraces, forget_settings


class _Producer:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.published: list[Sequence[Message]] = []

    async def publish(self, page: Sequence[Message], seconds: float) -> None:
        assert seconds == 5.0
        if self.fault is not None:
            raise self.fault
        self.published.append(page)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptTraces:
    forget_settings(monkeypatch)
    return KeptTraces()


def _message(trace: int | None) -> Message:
    if trace is None:
        return Message(b"key", b"{}", [("ce_id", b"1")])
    return Message(b"key", b"{}", [("ce_id", b"1"), ("traceparent", f"00-{trace:032x}-{CLIENT}-01".encode())])


async def test_a_page_is_sent_as_it_is_in_one_span(kept: KeptTraces) -> None:
    page = [_message(trace) for trace in (1, 1, None, 2)]
    producer = _Producer()
    await TracedProducer(producer, kept.traces, "orders").publish(page, 5.0)
    assert producer.published == [page]
    (span,) = kept.spans
    assert (span.name, span.kind, span.parent_id, span.error) == ("send orders", "producer", None, None)
    assert [int(link, 16) for link in span.links] == [1, 2]
    assert span.attributes["messaging.batch.message_count"] == 4
    assert span.attributes["messaging.destination.name"] == "orders"


async def test_its_links_are_bounded(kept: KeptTraces) -> None:
    page = [_message(trace) for trace in range(1, 1001)]
    await TracedProducer(_Producer(), kept.traces, "orders").publish(page, 5.0)
    assert [int(link, 16) for link in kept.spans[0].links] == list(range(1, MAX_LINKS + 1))


async def test_what_kafka_did_not_take_is_an_error(kept: KeptTraces) -> None:
    producer = TracedProducer(_Producer(KafkaUnavailable("away")), kept.traces, "orders")
    with pytest.raises(KafkaUnavailable):
        await producer.publish([_message(1)], 5.0)
    assert kept.spans[0].error == "KafkaUnavailable"
