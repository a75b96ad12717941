"""Calls as a test writes them: what was asked, when, and what was told."""

from __future__ import annotations

from itertools import count

from tests.chaos.history import Call, Content, Operation, Told

ORDER = "order-1"
FIRST = Content("Guest first", 2, "")
SECOND = Content("Guest second", 3, "")
PAID = Content("", None, "PAY-1")
_NUMBERS = count(1)


def call(
    operation: Operation,
    invoked: float,
    answered: float | None,
    told: Told | None = None,
    *,
    asked: Content | None = None,
    order_id: str = ORDER,
    code: str = "",
    key: str = "",
    if_match: int = 0,
) -> Call:
    """Accepted, refused where there is a code, unknown where nothing was told."""
    return Call(
        client="c",
        service="api-1",
        operation=operation,
        reference="R-1",
        correlation_id=f"call-{next(_NUMBERS)}",
        invoked=invoked,
        answered=answered,
        outcome="unknown" if told is None else "refused" if code else "accepted",
        order_id="" if operation == "create" else order_id,
        key=key,
        if_match=if_match,
        asked=asked,
        code=code,
        told=told,
    )


def order(status: str, version: int, content: Content, *, order_id: str = ORDER, removed: bool = False) -> Told:
    """The order in an answer; items are shown where there are any."""
    shown = content.quantity if status in {"Draft", "Issued", "Error"} else None
    return Told(order_id, version, status, Content(content.mark, shown, content.payment), removed)


def create(invoked: float, answered: float | None, content: Content = FIRST, order_id: str = ORDER) -> Call:
    told = order("Submitted", 1, content, order_id=order_id) if answered is not None else None
    return call("create", invoked, answered, told, asked=content)


def get(invoked: float, answered: float, told: Told) -> Call:
    return call("get", invoked, answered, told, order_id=told.order_id)


def missing(invoked: float, answered: float, order_id: str = ORDER) -> Call:
    return call("get", invoked, answered, Told(), order_id=order_id, code="resource_not_found")


def refused(operation: Operation, invoked: float, answered: float, code: str, status: str) -> Call:
    return call(operation, invoked, answered, Told(status=status), asked=SECOND, code=code)
