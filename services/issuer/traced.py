"""The steps of the saga as spans: an order is scheduled, its tickets are issued, it is settled.

Each is a child of what the event before it names, so that they stand in the trace of the request that made the order,
whichever process takes them, and however much later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.issuance.saga import SagaMessage, Seen
from domain.order.state import Absent
from infra.event_store.outcomes import Appended, NumberTaken, TooFewPlaces, VersionTaken

if TYPE_CHECKING:
    import asyncio

    from domain.issuance.issuer import IssueJob
    from infra.event_store.outcomes import Outcome
    from infra.telemetry.traces import Span, Traces
    from services.ordering.orders import LoadedOrder

_CONFLICTS: Final = {VersionTaken: "overtaken", TooFewPlaces: "too few places", NumberTaken: "number taken"}


def saving_span(traces: Traces, message: SagaMessage, after: LoadedOrder, parent: str | None) -> Span:
    """Of what follows from the message being saved; `after`: the order as it leaves it. It ends by `ended`."""
    state = after.state
    attributes = {"ota_cm.order.id": str(after.order_id)}
    if not isinstance(state, Absent):
        attributes["ota_cm.order.status"] = state.status
    if isinstance(message, Seen):
        return traces.begin("schedule order", "consumer", parent, attributes)
    # Still Processing where it backs off: the issuer is away.
    return traces.begin("settle order", "internal", parent, attributes)


def issuing_span(traces: Traces, order: LoadedOrder, job: IssueJob) -> Span:
    """Of the issuer being asked for the job's tickets."""
    parent = order.last.traceparent if order.last is not None else None
    attributes = {"ota_cm.order.id": str(job.order_id), "ota_cm.job.id": str(job.job_id)}
    return traces.begin("issue tickets", "internal", parent, attributes)


def ended(span: Span, saving: asyncio.Future[Outcome]) -> None:
    """The save has ended, well or not."""
    if saving.cancelled():
        span.end(error="cancelled")
    elif (fault := saving.exception()) is not None:
        span.end(error=type(fault).__name__)
    else:
        outcome = saving.result()
        span.end(error=None if isinstance(outcome, Appended) else _CONFLICTS.get(type(outcome), type(outcome).__name__))
