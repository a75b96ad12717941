"""The model and the check find a history that no order of its calls explains, and pass those that one does."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from tests.chaos.calls import FIRST, ORDER, PAID, SECOND, call, create, get, missing, order, refused
from tests.chaos.fitting import faults_of_order
from tests.chaos.history import Call, Content, Told

CONFIRMED = Content(FIRST.mark, FIRST.quantity, "PAY-1")
OTHER = Content("", None, "PAY-2")


def _draft(at: float) -> list[Call]:
    """Made and settled as a Draft at version 4, as was read before `at`."""
    return [create(at - 0.9, at - 0.8), get(at - 0.2, at - 0.1, order("Draft", 4, FIRST))]


def _confirm(invoked: float, answered: float | None, version: int = 5, payment: Content = PAID) -> Call:
    told = order("Issued", version, Content(FIRST.mark, FIRST.quantity, payment.payment))
    return call("confirm", invoked, answered, told if answered is not None else None, asked=payment)


def _replace(invoked: float, answered: float | None, version: int = 6, if_match: int = 0) -> Call:
    told = order("Submitted", version, SECOND) if answered is not None else None
    return call("replace", invoked, answered, told, asked=SECOND, if_match=if_match)


def _cancel(invoked: float, answered: float | None, version: int = 6, content: Content = FIRST) -> Call:
    told = order("Cancelled", version, content, removed=content is FIRST) if answered is not None else None
    return call("cancel", invoked, answered, told)


def _duplicate(invoked: float, answered: float, existing: str = ORDER) -> Call:
    return call("create", invoked, answered, Told(order_id=existing), asked=SECOND, code="duplicate_order")


SOUND: dict[str, list[Call]] = {
    "made, settled, read": [*_draft(1)],
    "read while it is in flight": [create(0, 1), get(1, 2, order("Submitted", 1, FIRST)), *_draft(3)[1:]],
    "issuance put off and taken up again": [create(0, 1), get(2, 3, order("Draft", 7, FIRST))],
    "failed": [create(0, 1), get(2, 3, order("Error", 5, FIRST)), _replace(4, 5)],
    "paid from the start": [create(0, 1, CONFIRMED), get(2, 3, order("Issued", 4, CONFIRMED))],
    "confirmed, and confirmed again": [*_draft(1), _confirm(2, 3), _confirm(4, 5)],
    "two confirm at once, one changes nothing": [*_draft(1), _confirm(2, 9), _confirm(3, 8)],
    "replaced, then refused while in flight": [
        *_draft(1),
        _replace(2, 3),
        refused("confirm", 4, 5, "order_in_flight", "Processing"),
    ],
    "an old read that overlaps the replace": [*_draft(1), _replace(2, 5), get(3, 4, order("Draft", 4, FIRST))],
    "removed, and the reference taken again": [
        *_draft(1),
        _cancel(2, 3),
        missing(4, 5),
        create(6, 7, SECOND, "order-2"),
        missing(8, 9),
    ],
    "cancelled when issued": [*_draft(1), _confirm(2, 3), _cancel(4, 5, 7, CONFIRMED), _cancel(6, 7, 7, CONFIRMED)],
    "an unknown replace that took effect late": [
        *_draft(1),
        _replace(2, None),
        get(3, 4, order("Draft", 4, FIRST)),
        get(8, 9, order("Submitted", 6, SECOND)),
    ],
    "an unknown replace that never took effect": [*_draft(1), _replace(2, None), _confirm(3, 4)],
    "an unknown making found by its duplicate": [
        create(0, None),
        _duplicate(2, 3),
        get(4, 5, order("Draft", 4, FIRST)),
    ],
    "meant for another version": [*_draft(1), _replace(2, 3), refused("cancel", 4, 5, "precondition_failed", "")],
}

WRONG: dict[str, list[Call]] = {
    "a stale read": [*_draft(1), _replace(2, 3), get(4, 5, order("Draft", 4, FIRST))],
    "a stale read after a read": [
        *_draft(1),
        _replace(2, 9),
        get(3, 4, order("Submitted", 6, SECOND)),
        get(5, 6, order("Draft", 4, FIRST)),
    ],
    "an accepted order that is not there": [create(0, 1), missing(2, 3)],
    "a lost update": [*_draft(1), _replace(2, 3), get(4, 5, order("Draft", 7, FIRST))],
    "a lost confirm": [*_draft(1), _confirm(2, 3), get(4, 5, order("Draft", 5, FIRST))],
    "a read of what nobody wrote": [*_draft(1), get(2, 3, order("Draft", 4, SECOND))],
    "a wrong quantity": [create(0, 1), get(2, 3, order("Draft", 4, Content(FIRST.mark, 1, "")))],
    "confirmed twice": [*_draft(1), _confirm(2, 3), _confirm(4, 5, 6)],
    "two confirms that both took effect": [*_draft(1), _confirm(2, 9), _confirm(3, 8, 5, OTHER)],
    "confirmed and replaced": [*_draft(1), _confirm(2, 9), _replace(3, 8)],
    "settled by nobody's issuance": [create(0, 1), get(2, 3, order("Draft", 2, FIRST))],
    "settled otherwise than paid": [create(0, 1), get(2, 3, order("Issued", 4, FIRST))],
    "made twice": [create(0, 1), create(2, 3, SECOND, "order-2")],
    "a duplicate of nothing": [*_draft(1), _cancel(2, 3), _duplicate(4, 5)],
    "a duplicate of another": [*_draft(1), _duplicate(4, 5, "order-2")],
    "removed and there": [*_draft(1), _cancel(2, 3), get(4, 5, order("Draft", 4, FIRST))],
    "removed, and said to be only cancelled": [
        *_draft(1),
        call("cancel", 2, 3, order("Cancelled", 6, FIRST)),
    ],
    "refused though it was a draft": [*_draft(1), refused("confirm", 2, 3, "invalid_status", "Draft")],
    "in flight again for no reason": [*_draft(1), get(2, 3, order("Processing", 5, FIRST))],
    "the wrong version accepted": [*_draft(1), _replace(2, 3, if_match=3)],
    "an unknown replace that took effect, then did not": [
        *_draft(1),
        _replace(2, None),
        get(3, 4, order("Submitted", 6, SECOND)),
        get(5, 6, order("Draft", 4, FIRST)),
    ],
    "an effect before its cause": [
        *_draft(1),
        get(2, 3, order("Submitted", 6, SECOND)),
        _replace(4, None),
    ],
}


@pytest.mark.parametrize("calls", SOUND.values(), ids=SOUND.keys())
def test_a_history_that_some_order_explains_has_no_fault(calls: Sequence[Call]) -> None:
    assert [*faults_of_order(calls)] == []


@pytest.mark.parametrize("calls", WRONG.values(), ids=WRONG.keys())
def test_a_history_that_no_order_explains_is_found(calls: Sequence[Call]) -> None:
    assert [*faults_of_order(calls)]


def test_a_repeat_under_the_same_key_tells_that_an_earlier_attempt_took_effect() -> None:
    """The lost attempt may have been made at any time from its start on; a read between the two must fit that."""
    lost = msgspec.structs.replace(_replace(2, None), key="k")
    told = msgspec.structs.replace(order("Submitted", 6, SECOND), replayed=True)
    repeat = msgspec.structs.replace(_replace(6, 7), key="k", told=told)
    before = get(3, 4, order("Draft", 4, FIRST))
    after = get(4.5, 5, order("Submitted", 6, SECOND))
    assert [*faults_of_order([*_draft(1), lost, before, after, repeat])] == []
    too_late = get(8, 9, order("Draft", 4, FIRST))
    assert [*faults_of_order([*_draft(1), lost, before, after, repeat, too_late])]


def test_only_one_attempt_under_a_key_is_the_first() -> None:
    """Where one was answered for the first time, those before it had no effect, and cannot have one later."""
    lost = msgspec.structs.replace(_confirm(2, None, payment=OTHER), key="k")
    first = msgspec.structs.replace(_confirm(3, 4), key="k")
    assert [*faults_of_order([*_draft(1), lost, first, get(5, 6, order("Issued", 5, CONFIRMED))])] == []
