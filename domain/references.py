"""An order's two references: the partner's own, unique while the order lives, and the one that we give.

A partner's reference is a stream of its own (`domain.streams.reference_stream`). Its first event is saved together
with the order's, so that of two orders with one reference only one can be stored, on whatever instance.
"""

from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.crockford import as_heard, check_holds, checked_symbols
from domain.history import HistoryBroken
from domain.order.refusals import DuplicateOrder


class ReferenceReserved(Struct, frozen=True, rename="camel"):
    """The partner's reference belongs to this order."""

    order_id: UUID
    partner_id: UUID
    sell_to_order_reference: str


class ReferenceReleased(Struct, frozen=True, rename="camel"):
    """The order was removed: its reference may be used again."""

    order_id: UUID


ReferenceEvent: TypeAlias = ReferenceReserved | ReferenceReleased


class Free(Struct, frozen=True, tag=True):
    """No order has the reference."""


class Reserved(Struct, frozen=True, rename="camel", tag=True):
    order_id: UUID


Reference: TypeAlias = Free | Reserved

INITIAL: Reference = Free()


def evolve(state: Reference, event: ReferenceEvent) -> Reference:
    """The state after one more event. Raises HistoryBroken where the event cannot follow."""
    match event, state:
        case ReferenceReserved(order_id=order_id), Free():
            return Reserved(order_id=order_id)
        case ReferenceReleased(order_id=order_id), Reserved(order_id=holder) if order_id == holder:
            return Free()
        case _:
            raise HistoryBroken(event, state)


def reserve(state: Reference, order_id: UUID, partner_id: UUID, sell_to_order_reference: str) -> list[ReferenceEvent]:
    """The reference becomes the order's. Raises DuplicateOrder, which names the order that has it."""
    match state:
        case Reserved(order_id=existing):
            raise DuplicateOrder(existing)
        case Free():
            return [ReferenceReserved(order_id, partner_id, sell_to_order_reference)]


def release(state: Reference, order_id: UUID) -> list[ReferenceEvent]:
    """The order gives its reference up; nothing happens where it is not that order's."""
    match state:
        case Reserved(order_id=holder) if holder == order_id:
            return [ReferenceReleased(order_id)]
        case _:
            return []


REFERENCE_RANDOM_BYTES = 13
"""Of each, five bits count: 65 in all."""


def buy_from_order_reference(random: bytes) -> str:
    """`CM-7KQ2M-9XD4T-8HF2`: 13 random symbols, of a random byte each, and a check symbol; 19 characters."""
    if len(random) != REFERENCE_RANDOM_BYTES:
        raise ValueError(f"a reference needs {REFERENCE_RANDOM_BYTES} random bytes")
    symbols = checked_symbols(random)
    return f"CM-{symbols[:5]}-{symbols[5:10]}-{symbols[10:]}"


def is_buy_from_order_reference(text: str) -> bool:
    """Whether we may have given this reference, written or heard as it may be; a wrong symbol or a swap is found."""
    heard = as_heard(text)
    return len(heard) == 2 + REFERENCE_RANDOM_BYTES + 1 and heard.startswith("CM") and check_holds(heard[2:])
