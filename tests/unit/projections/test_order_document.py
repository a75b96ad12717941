"""An order's document: folded event by event, without gaps, with what lists and issuance ask of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.history import HistoryBroken
from domain.issuance.issuance import Issuance, Totals
from domain.order.content import OrderContent, OrderIdentity, OrderLine
from domain.order.events import (
    AttemptLease,
    IssuanceDeferred,
    IssuanceStarted,
    OrderEvent,
    OrderFailed,
    OrderIssued,
    OrderReprocessed,
    OrderScheduled,
    OrderSubmitted,
    RedeemedAsset,
    TicketsRedeemed,
    VoidRequested,
)
from domain.order.places import Places
from domain.order.state import Issued, UsedAsset
from domain.personal import SellToName
from infra.event_store.mapper import Actor, Metadata
from projections.order_document import OrderDocument, StreamGap, decode_state, due_at, encode_state, project, summary

_NOW = datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)
_JOB = UUID(int=7)
_IDENTITY = OrderIdentity(UUID(int=1), "REF", "CM-1", _NOW)
_LINE = OrderLine("31001", 2, date(2026, 12, 1), time(10, 30))
_SUBMITTED = OrderSubmitted(_IDENTITY, 1, OrderContent((_LINE,), sell_to_name=SellToName.sealed("c2VhbGVk")))
_SCHEDULED = OrderScheduled(_IDENTITY, 1)
_STARTED = IssuanceStarted(_IDENTITY, 1, _JOB, AttemptLease("owner", _NOW + timedelta(seconds=30)))
_DEFERRED = IssuanceDeferred(_JOB, 1, _NOW + timedelta(seconds=5))
_FAILED = OrderFailed(_IDENTITY, 1, "sold_out", "Nothing left.")
_REPROCESSED = OrderReprocessed(_IDENTITY, 2)


def _at(second: int) -> Metadata:
    return Metadata(UUID(int=9), _NOW + timedelta(seconds=second), Actor("partner"), "correlation")


def _document(*events: OrderEvent) -> OrderDocument:
    """Each event a second and ten positions after the one before."""
    document: OrderDocument | None = None
    for version, event in enumerate(events, 1):
        document = project(document, event, _at(version), 10 * version, version)
    assert document is not None
    return document


def test_a_document_counts_its_events_and_knows_the_last_that_changed_it() -> None:
    document = _document(_SUBMITTED, _SCHEDULED, _STARTED, _FAILED, VoidRequested(_JOB))
    assert (document.version, document.row_version) == (5, 40)


@pytest.mark.parametrize("version", [1, 2, 4])
def test_an_event_that_is_not_the_next_one_is_refused(version: int) -> None:
    document = _document(_SUBMITTED, _SCHEDULED)
    with pytest.raises(StreamGap):
        project(document, _STARTED, _at(3), 30, version)


def test_an_order_that_does_not_begin_with_its_submission_is_refused() -> None:
    with pytest.raises(HistoryBroken):
        project(None, _SCHEDULED, _at(1), 10, 1)
    with pytest.raises(StreamGap):
        project(None, _SCHEDULED, _at(1), 10, 2)


@pytest.mark.parametrize(
    ("events", "due"),
    [
        ([_SUBMITTED], _NOW + timedelta(seconds=1)),
        ([_SUBMITTED, _SCHEDULED], _NOW + timedelta(seconds=1)),
        ([_SUBMITTED, _SCHEDULED, _STARTED], _NOW + timedelta(seconds=30)),
        ([_SUBMITTED, _SCHEDULED, _STARTED, _DEFERRED], _NOW + timedelta(seconds=5)),
        ([_SUBMITTED, _SCHEDULED, _STARTED, _FAILED], None),
        ([_SUBMITTED, _SCHEDULED, _STARTED, _FAILED, _REPROCESSED], _NOW + timedelta(seconds=5)),
    ],
)
def test_when_issuance_may_take_an_order_up(events: list[OrderEvent], due: datetime | None) -> None:
    assert due_at(_document(*events)) == due


def test_a_summary_has_no_lines_and_keeps_the_sealed_name() -> None:
    state = _document(_SUBMITTED).state
    short = decode_state(encode_state(summary(state)))
    assert short.content.lines == ()
    assert short.content.sell_to_name == state.content.sell_to_name
    assert decode_state(encode_state(state)) == state


_HELD = IssuanceStarted(
    _IDENTITY, 1, _JOB, _STARTED.lease, (Places("TOUR", date(2026, 12, 1), 2, time(10)),), catalog_version=3
)
_ISSUED = OrderIssued(_IDENTITY, 1, Issuance(_JOB, 3, _NOW, (), Totals(Decimal(0), Decimal(0), Decimal(0), "DKK")))
_REDEEMED = TicketsRedeemed(_IDENTITY, 1, (RedeemedAsset(UUID(int=8), 1),), _NOW)


def test_a_redeemed_ticket_is_a_change_that_the_document_keeps() -> None:
    document = _document(_SUBMITTED, _SCHEDULED, _HELD, _ISSUED, _REDEEMED)
    assert (document.version, document.row_version) == (5, 50)
    state = decode_state(encode_state(document.state))
    assert isinstance(state, Issued)
    assert state.places == _HELD.places
    assert state.used == (UsedAsset(UUID(int=8), 1, _NOW),)
    short = summary(state)
    assert isinstance(short, Issued)
    assert (short.places, short.used) == ((), ())


@pytest.mark.parametrize("events", [[_STARTED], [_STARTED, _DEFERRED], [_STARTED, _ISSUED]])
def test_a_document_of_before_there_were_places_is_read(events: list[OrderEvent]) -> None:
    state = _document(_SUBMITTED, _SCHEDULED, *events).state
    older = json.loads(encode_state(state))
    for field in ("places", "used", "catalog_version"):
        older.pop(field, None)
    assert decode_state(json.dumps(older).encode()) == state


def test_a_name_in_plain_is_never_stored() -> None:
    plain = OrderSubmitted(_IDENTITY, 1, OrderContent((_LINE,), sell_to_name=SellToName("Jane Doe")))
    with pytest.raises(TypeError):
        encode_state(_document(plain).state)
