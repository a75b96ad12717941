"""The sequential model: what one order reference is between calls, and what each answer says about that.

Nothing here comes from the service: it is the contract's table of statuses, with versions. Settling is the service's
own doing, so a state may have moved on by itself before any call meets it; how often an issuance was put off and taken
up again is not known from outside, so a version may be known only as "at least".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.chaos.history import Call, Content, Told

IN_FLIGHT = ("Submitted", "Scheduled", "Processing")
_UNKNOWN_ID = "?"


class Reference(NamedTuple):
    """The living order that holds the reference: `order_id` "" for none, "?" where its making was not answered.

    `exact`: whether `version` is the version, or only the least that it can be. `gone`: orders that were removed.
    """

    order_id: str = ""
    status: str = ""
    version: int = 0
    exact: bool = True
    content: Content | None = None
    gone: frozenset[str] = frozenset()


FREE = Reference()


def changes(call: Call) -> bool:
    """Whether it may have changed something."""
    return call.operation != "get" and call.outcome in {"accepted", "unknown"}


def after(state: Reference, call: Call) -> list[Reference]:
    """The states that may follow if the call took place now; none where its answer does not fit."""
    if call.told is None:
        return list(_taken_effect(state, call))
    if call.operation == "create":
        return list(_created(state, call, call.told))
    if call.code == "resource_not_found":
        return [] if state.order_id == call.order_id else [state]
    known = _known_as(state, call.order_id)
    if known is None:
        return []
    return [then for now in _by_itself(known) for then in _answered(now, call, call.told)]


def _by_itself(state: Reference) -> Iterator[Reference]:
    """The state, and what issuance may have made of it."""
    yield state
    if state.status not in IN_FLIGHT:
        return
    at = state.version
    if state.status == "Submitted":
        at += 1
        yield state._replace(status="Scheduled", version=at)
    if state.status != "Processing":
        at += 1
        yield state._replace(status="Processing", version=at, exact=False)
    elif state.exact:
        yield state._replace(version=at + 1, exact=False)
    settled = "Issued" if state.content is not None and state.content.payment else "Draft"
    yield state._replace(status=settled, version=at + 1, exact=False)
    yield state._replace(status="Error", version=at + 2, exact=False)


def _known_as(state: Reference, order_id: str) -> Reference | None:
    """The state, if the living order is that one."""
    if state.order_id == _UNKNOWN_ID and order_id not in state.gone:
        return state._replace(order_id=order_id)
    return state if state.order_id == order_id else None


def _at(state: Reference, version: int) -> Reference | None:
    """The state, if it can have that version."""
    if state.version == version or (not state.exact and version > state.version):
        return state._replace(version=version, exact=True)
    return None


def _created(state: Reference, call: Call, told: Told) -> Iterator[Reference]:
    if call.outcome == "accepted":
        made = _submitted(state, call, told.order_id)
        if made is not None and _shows(made, told):
            yield made
    elif told.order_id:  # duplicate_order
        known = _known_as(state, told.order_id)
        if known is not None:
            yield known


def _submitted(state: Reference, call: Call, order_id: str) -> Reference | None:
    """A new order, where the reference is free."""
    if state.order_id or order_id in state.gone:
        return None
    return Reference(order_id, "Submitted", 1, True, call.asked, state.gone)


def _answered(now: Reference, call: Call, told: Told) -> Iterator[Reference]:
    """What follows where an order that is known gave this answer in exactly this state."""
    if call.code == "precondition_failed":
        if not now.exact or now.version != call.if_match:
            yield now
    elif call.code in {"order_in_flight", "invalid_status"}:
        if now.status == told.status and _refuses(now, call):
            yield now
    elif call.operation == "get":
        found = _at(now, told.version)
        if found is not None and _shows(found, told):
            yield found
    else:
        for then in _commanded(now, call):
            found = _at(then, told.version)
            if found is not None and _shows(found, told) and told.removed == _removes(now, call):
                yield _removed(found) if told.removed else found


def _refuses(now: Reference, call: Call) -> bool:
    if call.code == "order_in_flight":
        return now.status in IN_FLIGHT
    forbidden = {"replace": ("Issued", "Cancelled"), "confirm": ("Error", "Cancelled")}
    return now.status in forbidden.get(call.operation, ())


def _taken_effect(state: Reference, call: Call) -> Iterator[Reference]:
    """The outcome is unknown, and this is where it took effect; where it would change nothing, it need not."""
    if call.operation == "create":
        made = _submitted(state, call, _UNKNOWN_ID)
        if made is not None:
            yield made
        return
    known = _known_as(state, call.order_id)
    if known is not None:
        for now in _by_itself(known):
            for then in _commanded(now, call):
                if then != now:
                    yield _removed(then) if _removes(now, call) else then


def _commanded(now: Reference, call: Call) -> Iterator[Reference]:
    """The order after the command, where its status lets it: the contract's table."""
    meant = _at(now, call.if_match) if call.if_match else now
    if meant is None:
        return
    asked = call.asked
    match call.operation, meant.status:
        case "replace", "Draft":
            yield meant._replace(status="Submitted", version=meant.version + 2, content=asked)
        case "replace", "Error":
            yield meant._replace(status="Submitted", version=meant.version + 1, content=asked)
        case "confirm", "Draft":
            assert asked is not None
            assert meant.content is not None
            paid = Content(meant.content.mark, meant.content.quantity, asked.payment)
            yield meant._replace(status="Issued", version=meant.version + 1, content=paid)
        case ("confirm", "Issued") | ("cancel", "Cancelled"):
            yield meant
        case "cancel", ("Issued" | "Draft"):
            yield meant._replace(status="Cancelled", version=meant.version + 2)
        case "cancel", "Error":
            yield meant._replace(status="Cancelled", version=meant.version + 1)
        case _:
            pass


def _removes(now: Reference, call: Call) -> bool:
    return call.operation == "cancel" and now.status in {"Draft", "Error"}


def _removed(state: Reference) -> Reference:
    """Nobody holds the reference any more."""
    return Reference(gone=state.gone | {state.order_id})


def _shows(state: Reference, told: Told) -> bool:
    """Whether the answer is this state's, as far as an answer shows it."""
    shown, content = told.content, state.content
    assert shown is not None
    assert content is not None
    return (
        told.status == state.status
        and told.version == state.version
        and (shown.mark, shown.payment) == (content.mark, content.payment)
        and shown.quantity in {None, content.quantity}
    )
