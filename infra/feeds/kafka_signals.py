"""From a message on the topic to what the saga must know of it; by its headers, the value is not even decoded."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from infra.feeds.signals import OrderSignal

_MOST_DIGITS = 18  # of a bigint


class Unreadable(Exception):
    """A message that breaks the contract of the topic: the text says how."""


Headers = Sequence[tuple[str, bytes | None]]


def signal_of(headers: Headers, submitted: bytes) -> OrderSignal | None:
    """The signal of a message whose `ce_type` is `submitted`; None for any other type, known to us or newer.

    Raises Unreadable.
    """
    ce_type = header(headers, "ce_type")
    if ce_type != submitted:
        if not ce_type or not ce_type.isascii():
            raise Unreadable("it has no ce_type" if not ce_type else "its ce_type is not ASCII")
        return None
    subject = header(headers, "ce_subject") or b""
    try:
        order_id = UUID(subject.decode())
    except ValueError as error:
        raise Unreadable("its ce_subject is not an order's id") from error
    if str(order_id).encode() != subject:
        raise Unreadable("its ce_subject is not an order's id")
    return OrderSignal(order_id, _number(headers, "ce_sequence"), _number(headers, "position"))


def position_of(headers: Headers) -> int:
    """Where its event stands in the log; 0 where it does not say."""
    try:
        return _number(headers, "position")
    except Unreadable:
        return 0


def header(headers: Headers, name: str) -> bytes | None:
    """The first with this name."""
    for found, content in headers:
        if found == name:
            return content
    return None


def _number(headers: Headers, name: str) -> int:
    content = header(headers, name) or b""
    if not content.isdigit() or len(content) > _MOST_DIGITS:
        raise Unreadable(f"its {name} is not a number")
    return int(content)
