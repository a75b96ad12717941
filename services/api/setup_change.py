"""Changes of partners, keys, catalog, allotments and subscriptions from a call: refusals as problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from domain.allotment.override import AllotmentRefusal
from domain.api_key import KeyRefusal
from domain.partner import PartnerRefusal
from domain.subscription import SubscriptionRefusal
from services.api.order_access import command_context
from services.api.problems import Problem, not_found

if TYPE_CHECKING:
    from uuid import UUID

    from services.api.call import Call
    from services.setup.streams import Stream, StreamKind

State = TypeVar("State")
Event = TypeVar("Event")


async def changed(
    call: Call,
    kind: StreamKind[State, Event],
    stream: UUID,
    decision: Callable[[Stream[State]], Sequence[Event]],
    what: str,
) -> Stream[State]:
    """The stream after what `decision` gives. `what` it is, for who is told that there is none.

    Raises Problem, StoreUnavailable, OutcomeUnknown, DatabaseUnavailable.
    """
    try:
        return await call.services.setup.change(kind, stream, decision, command_context(call))
    except (PartnerRefusal, KeyRefusal, AllotmentRefusal, SubscriptionRefusal) as refusal:
        if refusal.code == "resource_not_found":
            raise not_found(what) from refusal
        raise Problem(refusal.code, str(refusal)) from refusal
