"""A history that `decide` cannot have made is not folded into a wrong state."""

import pytest

from domain.history import HistoryBroken
from domain.order.events import (
    IssuanceDeferred,
    IssuanceResumed,
    OrderCancelled,
    OrderConfirmed,
    OrderDrafted,
    OrderEvent,
    OrderIssued,
    OrderRemoved,
    OrderReplaced,
    OrderReprocessed,
    TicketsRedeemed,
    VoidRequested,
)
from tests.unit.order.examples import (
    FAILED,
    HISTORIES,
    IDENTITY,
    JOB,
    LATER_LEASE,
    NOW,
    SCHEDULED,
    STARTED,
    UNPAID,
    issuance,
    order,
    submitted,
)

FOLLOWS: list[tuple[OrderEvent, set[str]]] = [
    (submitted(), {"Absent"}),
    (OrderReplaced(IDENTITY, 2, UNPAID), {"Draft", "Error"}),
    (OrderReprocessed(IDENTITY, 2), {"Error"}),
    (SCHEDULED, {"Submitted"}),
    (STARTED, {"Scheduled"}),
    (IssuanceDeferred(JOB, 1, NOW), {"Processing"}),
    (IssuanceResumed(JOB, LATER_LEASE), {"Processing"}),
    (OrderIssued(IDENTITY, 1, issuance()), {"Processing"}),
    (OrderDrafted(IDENTITY, 1, issuance()), {"Processing"}),
    (FAILED, {"Processing"}),
    (OrderConfirmed(IDENTITY, 1, "PAY-1"), {"Draft"}),
    (TicketsRedeemed(IDENTITY, 1, (), NOW), {"Issued"}),
    (OrderCancelled(IDENTITY, 1), {"Issued"}),
    (OrderRemoved(IDENTITY, 1, "expired"), {"Draft", "Error"}),
    (VoidRequested(JOB), {"Submitted", "Error", "Cancelled", "Removed"}),
]


@pytest.mark.parametrize("status", HISTORIES)
@pytest.mark.parametrize(("event", "states"), FOLLOWS, ids=[type(event).__name__ for event, _ in FOLLOWS])
def test_an_event_follows_only_from_the_states_that_can_give_it(
    event: OrderEvent, states: set[str], status: str
) -> None:
    before = order.after(HISTORIES[status])
    if status in states:
        order.after([event], before)
    else:
        with pytest.raises(HistoryBroken, match=f"{type(event).__name__} cannot follow {status}"):
            order.after([event], before)
