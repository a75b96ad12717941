"""Messages that break the contract of the topic, each in its own way."""

from __future__ import annotations

from uuid import uuid4

from infra.kafka.producer import Message
from tests.integration.feeds.stage import message

GOOD = message(uuid4(), 1, 1)


def without(name: str) -> Message:
    return GOOD._replace(headers=[header for header in GOOD.headers if header[0] != name])


def with_(name: str, content: bytes) -> Message:
    return GOOD._replace(headers=[(header, content if header == name else was) for header, was in GOOD.headers])


UNREADABLE = {
    "no headers": GOOD._replace(headers=[]),
    "no type": without("ce_type"),
    "a type that is no text": with_("ce_type", b"\xff\xfe"),
    "an empty type": with_("ce_type", b""),
    "no subject": without("ce_subject"),
    "a subject that is no id": with_("ce_subject", b"order-17"),
    "a subject in other words": with_("ce_subject", b"{" + str(uuid4()).encode() + b"}"),
    "a subject that is no text": with_("ce_subject", b"\xff" * 16),
    "no version": without("ce_sequence"),
    "a version that is no number": with_("ce_sequence", b"-1"),
    "no position": without("position"),
    "a position beyond all": with_("position", b"9" * 30),
    "no key and no value": Message(None, None, [("anything", b"\x00")]),
}
