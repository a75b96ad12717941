"""What a message says, header by header, as the contract has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest

from domain.order.content import OrderContent, OrderIdentity, OrderLine
from domain.order.events import IssuanceStarted, OrderEvent, OrderFailed, OrderRemoved, OrderSubmitted
from infra.event_store.mapper import Actor, EventMapper, Metadata
from services.relay.integration_events import PUBLIC, LoggedEvent, NotMappable, public_message
from tests.golden.examples import EXAMPLES, METADATA, STREAM, ReadableSeal

VENUE = UUID("019a0000-0000-7000-8000-00000000000a")
ANOTHER = UUID("019a0000-0000-7000-8000-00000000000b")
MAPPER = EventMapper()

# Everything of the examples that must not leave the house: names, e-mails, tickets, wallets, external references,
# payment references, and who asked.
NOT_PUBLIC = (
    *("Jane", "Kierkeg", "example.com", "X-1", "T000000000001ABCDEF", "W00000000000000", "C1", "PAY-"),
    *("019a0000-0000-7000-8000-000000000003", "019a0000-0000-7000-8000-000000000004", "req-1", "issuer-1", "31001"),
)


class Told(NamedTuple):
    """A message, with nothing missing."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def message(event: object, metadata: Metadata = METADATA, *, epoch: int = 1, venue_id: UUID | None = None) -> Told:
    row = MAPPER.to_row(event, MAPPER.metadata(metadata), ReadableSeal())
    told = public_message(LoggedEvent(70, STREAM, 5, row.topic, row.state), epoch, venue_id)
    assert told.key is not None
    assert told.value is not None
    return Told(told.key, told.value, told.headers)


def example(kind: type[OrderEvent]) -> OrderEvent:
    return next(event for event in EXAMPLES.values() if isinstance(event, kind))


def headers(of: Told) -> dict[str, str]:
    return {name: value.decode() for name, value in of.headers}


def test_a_message_is_a_cloud_event_in_binary_mode() -> None:
    assert headers(message(example(OrderSubmitted), epoch=3)) == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_source": "/ota-cm/019a0000-0000-7000-8000-000000000006/3",
        "ce_id": f"3:{STREAM}:5",
        "ce_type": "ota.cm.order.submitted.v1",
        "ce_subject": str(STREAM),
        "ce_time": "2026-11-23T10:15:30.123456Z",
        "ce_partitionkey": str(STREAM),
        "ce_sequence": "5",
        "position": "70",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def test_the_key_is_the_order_so_that_its_events_keep_their_order() -> None:
    assert message(example(OrderSubmitted)).key == str(STREAM).encode()


def test_the_value_says_what_a_consumer_may_know() -> None:
    assert json.loads(message(example(OrderFailed)).value) == {
        "orderId": str(STREAM),
        "partnerId": "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e",
        "sellToOrderReference": "PARTNER-ORDER-2026-00042 / “Ærø”",
        "buyFromOrderReference": "CM-7KQ2M-9XD4T-8HF2",
        "status": "Error",
        "statusMessage": "Sold out on 2026-12-01.",
        "version": 5,
        "revision": 1,
        "occurredAt": "2026-11-23T10:15:30.123456Z",
    }


def test_processing_alone_names_its_job() -> None:
    job = "019a0000-0000-7000-8000-000000000002"
    assert json.loads(message(example(IssuanceStarted)).value)["jobId"] == job
    others = [EXAMPLES[topic] for topic in PUBLIC if topic != "order.processing.v1"]
    assert not any("jobId" in json.loads(message(event).value) for event in others)


def test_an_expired_draft_is_removed_and_cancelled() -> None:
    removed = message(example(OrderRemoved))
    assert headers(removed)["ce_type"] == "ota.cm.order.removed.v1"
    assert json.loads(removed.value)["status"] == "Cancelled"


@pytest.mark.parametrize("topic", PUBLIC)
def test_nothing_personal_and_nothing_of_tickets_goes_out(topic: str) -> None:
    public = message(EXAMPLES[topic])
    said = b" ".join([public.key, public.value, *(value for _, value in public.headers)]).decode()
    assert [text for text in NOT_PUBLIC if text in said] == []


def test_the_search_would_find_what_is_not_public() -> None:
    said = " ".join(MAPPER.to_row(EXAMPLES[topic], b"{}", ReadableSeal()).state.decode() for topic in PUBLIC)
    said += MAPPER.metadata(METADATA).decode()
    assert [text for text in NOT_PUBLIC if text not in said] == []


def test_without_a_trace_there_is_no_traceparent() -> None:
    untraced = msgspec.structs.replace(METADATA, traceparent=None)
    assert "traceparent" not in headers(message(example(OrderSubmitted), untraced))


def test_the_events_own_venue_comes_before_the_catalogs() -> None:
    assert headers(message(example(OrderSubmitted), venue_id=ANOTHER))["ce_source"] == f"/ota-cm/{METADATA.venue_id}/1"
    elsewhere = msgspec.structs.replace(METADATA, venue_id=None)
    assert headers(message(example(OrderSubmitted), elsewhere, venue_id=VENUE))["ce_source"] == f"/ota-cm/{VENUE}/1"


def test_an_event_of_no_venue_is_not_mapped() -> None:
    with pytest.raises(NotMappable, match="position 70 names no venue"):
        message(example(OrderSubmitted), msgspec.structs.replace(METADATA, venue_id=None))


def test_a_state_that_nobody_stored_is_not_mapped() -> None:
    for state in (b"", b"{}", b'{"metadata":{},"data":{}}', b"\xff"):
        with pytest.raises(NotMappable, match="position 70 cannot be read"):
            public_message(LoggedEvent(70, STREAM, 5, "order.issued.v1", state), 1, VENUE)


def test_texts_go_out_as_they_stand() -> None:
    """Quotes, characters beyond ASCII and those that JSON escapes."""
    reference = 'A"\\ 𝄞 \n\u2028 Æ'
    event = OrderSubmitted(
        OrderIdentity(STREAM, reference, "CM-1", datetime(2026, 1, 2, tzinfo=UTC)),
        revision=1,
        content=OrderContent(lines=(OrderLine("1", 1, METADATA.occurred_at.date(), METADATA.occurred_at.time()),)),
    )
    whole = Metadata(STREAM, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), Actor("partner"), "c", venue_id=VENUE)
    value = json.loads(message(event, whole).value)
    assert value["sellToOrderReference"] == reference
    assert value["occurredAt"] == "2026-01-02T03:04:05Z"
