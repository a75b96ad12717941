"""Events to rows and back: every topic, rows of older shapes, and never a sealed field in plain."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec import Struct

from domain.personal import SellToName, WalletName
from infra.event_store.field_encryption import FieldCipher, KeyRing, open_text
from infra.event_store.mapper import Actor, EventMapper, Metadata, UnknownTopic, document_codec
from infra.event_store.topics import ORDER_TOPICS, REFERENCE_TOPICS, SETUP_TOPICS, TOPICS, UPCASTS
from tests.golden.examples import EXAMPLES, METADATA


class Booked(Struct, frozen=True, rename="camel"):
    """The current shape of an event that had two before it."""

    booking_id: UUID
    price: Decimal
    booked_at: datetime
    guest: SellToName
    companions: tuple[WalletName | None, ...] = ()


def _v1_to_v2(data: dict[str, Any]) -> dict[str, Any]:
    return {"bookingId": data["id"], "price": f"{data['cents'] // 100}.{data['cents'] % 100:02}", **data["rest"]}


def _v2_to_v3(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "guest": data["guestName"], "companions": [data["guestName"], None]}


TOPICS_OF_TEST = {"booking.booked.v3": Booked}
UPCASTS_OF_TEST = {
    "booking.booked.v1": ("booking.booked.v2", _v1_to_v2),
    "booking.booked.v2": ("booking.booked.v3", _v2_to_v3),
}


@pytest.fixture
def cipher() -> FieldCipher:
    return KeyRing({"test": bytes(32)}, "test").new_stream_key(uuid4())[0]


@pytest.fixture
def mapper() -> EventMapper:
    return EventMapper()


def example(topic: str) -> object:
    """The topic's example, its texts plain: a seal stays with the object, and others may have sealed the shared one."""
    return msgspec.convert(
        msgspec.to_builtins(EXAMPLES[topic], enc_hook=lambda text: text.plain),
        TOPICS[topic],
        dec_hook=lambda field, plain: field(plain),
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_every_event_comes_back_as_it_was(topic: str, mapper: EventMapper, cipher: FieldCipher) -> None:
    event = example(topic)
    row = mapper.to_row(event, mapper.metadata(METADATA), cipher)
    assert row.topic == topic
    stored = mapper.from_row(row.topic, row.state)
    assert stored.data == event
    assert stored.metadata == METADATA


def test_what_metadata_leaves_out_is_read_as_left_out(mapper: EventMapper) -> None:
    least = Metadata(uuid4(), datetime(2026, 1, 1, tzinfo=UTC), Actor("issuer"), "req-1")
    row = mapper.to_row(EXAMPLES["order.void_requested.v1"], mapper.metadata(least), None)
    assert mapper.from_row(*row).metadata == least
    assert set(json.loads(row.state)["metadata"]) == {"commandId", "occurredAt", "actor", "correlationId"}


def test_a_row_of_an_unknown_topic_is_refused(mapper: EventMapper) -> None:
    with pytest.raises(UnknownTopic, match=r"order\.invented\.v1"):
        mapper.from_row("order.invented.v1", b"{}")


def test_an_event_that_has_no_topic_cannot_be_stored(mapper: EventMapper, cipher: FieldCipher) -> None:
    booked = Booked(uuid4(), Decimal(1), METADATA.occurred_at, SellToName.sealed("x"))
    with pytest.raises(KeyError):
        mapper.to_row(booked, mapper.metadata(METADATA), cipher)


@pytest.mark.parametrize("state", [b"", b"{}", b'{"metadata":{},"data":{}}', b'{"data":{"jobId":"x"}}', b"\xff"])
def test_a_row_that_does_not_hold_its_event_is_refused(mapper: EventMapper, state: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        mapper.from_row("order.void_requested.v1", state)


@pytest.mark.parametrize(
    ("topic", "data"),
    [
        (
            "booking.booked.v1",
            {
                "id": str(UUID(int=1)),
                "cents": 12550,
                "rest": {"bookedAt": "2026-01-01T00:00:00Z", "guestName": "the token"},
            },
        ),
        (
            "booking.booked.v2",
            {
                "bookingId": str(UUID(int=1)),
                "price": "125.50",
                "bookedAt": "2026-01-01T00:00:00Z",
                "guestName": "the token",
            },
        ),
        (
            "booking.booked.v3",
            {
                "bookingId": str(UUID(int=1)),
                "price": "125.50",
                "bookedAt": "2026-01-01T00:00:00Z",
                "guest": "the token",
                "companions": ["the token", None],
            },
        ),
    ],
)
def test_a_row_of_an_older_shape_is_carried_over_step_by_step(topic: str, data: dict[str, Any]) -> None:
    mapper = EventMapper(TOPICS_OF_TEST, UPCASTS_OF_TEST)
    state = b'{"metadata":%b,"data":%b}' % (mapper.metadata(METADATA), json.dumps(data).encode())
    stored = mapper.from_row(topic, state)
    assert stored.metadata == METADATA
    assert stored.data == Booked(
        booking_id=UUID(int=1),
        price=Decimal("125.50"),
        booked_at=datetime(2026, 1, 1, tzinfo=UTC),
        guest=SellToName.sealed("the token"),
        companions=(WalletName.sealed("the token"), None),
    )


def test_every_topic_that_is_carried_over_ends_at_one_that_is_known() -> None:
    for start in UPCASTS:
        topic = start
        while topic in UPCASTS:
            topic, _ = UPCASTS[topic]
        assert topic in TOPICS
    assert TOPICS.keys().isdisjoint(UPCASTS)


def test_topics_tell_orders_and_references_from_the_setup() -> None:
    """`append_v2`, the index of the setup and the readers of the log go by these prefixes."""
    assert all(topic.startswith("order.") for topic in ORDER_TOPICS)
    assert all(topic.startswith("reference.") for topic in REFERENCE_TOPICS)
    assert not any(topic.startswith(("order.", "reference.")) for topic in SETUP_TOPICS)
    assert all(" " not in topic and topic.isascii() for topic in TOPICS)


def test_sealed_fields_are_nowhere_in_plain_in_a_row(cipher: FieldCipher) -> None:
    marks = ["Zacharias Quibbleton", "Zebedee Quibbleton", "Zuleika Quibbleton"]
    booked = Booked(
        uuid4(), Decimal(1), METADATA.occurred_at, SellToName(marks[0]), (WalletName(marks[1]), WalletName(marks[2]))
    )
    mapper = EventMapper(TOPICS_OF_TEST, {})
    row = mapper.to_row(booked, mapper.metadata(METADATA), cipher)
    assert b"Quibbleton" not in row.state
    assert not any(mark.encode() in row.state for mark in marks)
    read = mapper.from_row(*row).data
    texts = (read.guest, *read.companions)
    assert [text.plain for text in texts] == [None, None, None]
    assert [open_text(text, cipher) for text in texts] == marks


def test_every_text_about_a_person_is_sealed(mapper: EventMapper, cipher: FieldCipher) -> None:
    row = mapper.to_row(example("order.submitted.v1"), mapper.metadata(METADATA), cipher)
    for personal in ("Jane", "jane@", "Søren", "soren@"):
        assert personal.encode() not in row.state
    secret = mapper.to_row(example("subscription.created.v1"), mapper.metadata(METADATA), cipher)
    assert b"whsec_" not in secret.state


def test_a_sealed_field_cannot_be_stored_without_a_key() -> None:
    mapper = EventMapper(TOPICS_OF_TEST, {})
    booked = Booked(uuid4(), Decimal(1), METADATA.occurred_at, SellToName("Zacharias Quibbleton"))
    with pytest.raises(TypeError, match="must not be stored in plain") as refused:
        mapper.to_row(booked, mapper.metadata(METADATA), None)
    assert "Quibbleton" not in str(refused.value)


def test_a_document_carries_sealed_fields_unopened_and_no_plain_ones() -> None:
    encode, decoder = document_codec(Booked)
    booked = Booked(UUID(int=1), Decimal("1.50"), METADATA.occurred_at, SellToName.sealed("the token"))
    document = encode(booked)
    assert b"the token" in document
    assert decoder.decode(document) == booked
    with pytest.raises(TypeError):
        encode(msgspec.structs.replace(booked, guest=SellToName("Zacharias")))


def test_a_text_that_is_no_token_is_no_sealed_field() -> None:
    mapper = EventMapper(TOPICS_OF_TEST, {})
    data = {"bookingId": str(uuid4()), "price": "1", "bookedAt": "2026-01-01T00:00:00Z", "guest": 5}
    state = b'{"metadata":%b,"data":%b}' % (mapper.metadata(METADATA), json.dumps(data).encode())
    with pytest.raises(msgspec.ValidationError):
        mapper.from_row("booking.booked.v3", state)


def test_a_sealed_text_does_not_show_in_a_repr() -> None:
    assert "Zacharias" not in repr(Booked(uuid4(), Decimal(1), METADATA.occurred_at, SellToName("Zacharias")))
