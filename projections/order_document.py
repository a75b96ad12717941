"""An order's document: what its row in the read model holds, folded by the domain's own `evolve`.

Pure. Sealed fields pass from event to document unopened: no key is ever needed here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from domain.issuance.saga import due_at as saga_due_at
from domain.order.events import OrderEvent, OrderReplaced, OrderReprocessed, OrderSubmitted
from domain.order.state import (
    INITIAL,
    Draft,
    ExistingOrder,
    Issued,
    Processing,
    Scheduled,
    Submitted,
    evolve,
)
from infra.event_store.mapper import Metadata, document_codec

encode_state, _decoder = document_codec(ExistingOrder)


class StreamGap(Exception):
    """An event is not the next one of its order: what came before it is not in the document."""


class OrderDocument(NamedTuple):
    """An order as of `version` of its stream.

    `row_version`: position of the last event that changed it. `submitted_at`: when it was last handed to issuance.
    """

    state: ExistingOrder
    version: int
    row_version: int
    submitted_at: datetime


def project(
    document: OrderDocument | None, event: OrderEvent, metadata: Metadata, position: int, version: int
) -> OrderDocument:
    """The document after one more event; None before the first. Raises HistoryBroken, StreamGap."""
    if version != (1 if document is None else document.version + 1):
        raise StreamGap(f"version {version} cannot follow version {0 if document is None else document.version}")
    before = INITIAL if document is None else document.state
    state = evolve(before, event)
    if document is None or isinstance(event, OrderSubmitted | OrderReplaced | OrderReprocessed):
        return OrderDocument(state, version, position, metadata.occurred_at)
    # An event that leaves the order as it was (the request to void its job) is no change that a list would show.
    changed = document.row_version if state is before else position
    return OrderDocument(state, version, changed, document.submitted_at)


def decode_state(document: bytes) -> ExistingOrder:
    """Raises msgspec.DecodeError."""
    return cast("ExistingOrder", _decoder.decode(document))


def summary(state: ExistingOrder) -> ExistingOrder:
    """The same order without its lines and wallets, and what follows from them: what a list shows."""
    changes: dict[str, Any] = {"content": replace(state.content, lines=())}
    if isinstance(state, Draft | Issued):
        changes["issuance"] = replace(state.issuance, lines=())
    if isinstance(state, Processing | Draft | Issued):
        changes["places"] = ()
    if isinstance(state, Issued):
        changes["used"] = ()
    return replace(state, **changes)


def due_at(document: OrderDocument) -> datetime | None:
    """From when issuance may take the order up; None unless it is in flight."""
    state = document.state
    if isinstance(state, Submitted | Scheduled | Processing):
        return saga_due_at(state) or document.submitted_at
    return None
