"""Every answer of a round held against the log: what was accepted is there once, what was refused left no trace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.history import Call
from tests.e2e.truth import OF_COMMAND, Database, Event, status_of


def faults_of_calls(calls: Sequence[Call], database: Database) -> Iterator[str]:
    """Accepted: in the log as answered. Refused or not taken: no trace. Unknown: once or not at all."""
    traces: dict[str, list[Event]] = defaultdict(list)
    for event in database.events:
        if event.scope == "partner":
            traces[event.correlation_id].append(event)
    orders = database.orders()
    effects: Counter[str] = Counter()
    for call in calls:
        own = traces.pop(call.correlation_id, [])
        done = [event for event in own if event.topic in OF_COMMAND.get(call.operation, ())]
        if call.key:
            effects[call.key] += len(done)
        if len(done) > 1:
            yield f"{call} took effect {len(done)} times"
        if call.outcome in {"refused", "nothing"} and own:
            yield f"{call} is in the log: {own}"
        if call.outcome == "accepted" and call.operation != "get" and call.told is not None:
            if done and (done[0].stream, _last(own, done[0].stream)) != (call.told.order_id, call.told.version):
                yield f"{call} is in the log otherwise: {own}"
            if not done and not _unchanged(call, orders):
                yield f"{call} is not in the log"
    yield from (f"{count} attempts took effect under the key {key}" for key, count in effects.items() if count > 1)
    for correlation_id, events in traces.items():
        if any(event.topic.startswith("order.") for event in events):
            yield f"nobody asked for {correlation_id}: {events}"
    yield from _faults_of_repeats(calls)


def _last(events: list[Event], stream: str) -> int:
    return max(event.version for event in events if event.stream == stream)


def _unchanged(call: Call, orders: dict[str, list[Event]]) -> bool:
    """Whether the answer needed no event of its own: it is another attempt's, or the order was so already."""
    assert call.told is not None
    events = [event for event in orders.get(call.told.order_id, ()) if event.version <= call.told.version]
    if len(events) != call.told.version:
        return False
    if call.told.replayed:
        by_partner = [event for event in events if event.scope == "partner"]
        return bool(by_partner) and (call.operation == "create") == (call.told.version == 1)
    return (call.operation, status_of(events)) in {("confirm", "Issued"), ("cancel", "Cancelled")}


def _faults_of_repeats(calls: Sequence[Call]) -> Iterator[str]:
    """All 2xx under one Idempotency-Key are one answer, and at most one of them is the first."""
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.key and call.outcome == "accepted":
            by_key[call.key].append(call)
    for key, answers in by_key.items():
        first = [call for call in answers if call.told is not None and not call.told.replayed]
        said = {(call.told.order_id, call.told.version, call.told.status) for call in answers if call.told is not None}
        if len(first) > 1 or len(said) != 1:
            yield f"the key {key} has {len(first)} first answers, {len(said)} kinds of answer: {answers}"
