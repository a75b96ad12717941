"""What the database holds, read with SQL alone, and what must be true of it whatever was killed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.e2e.endpoint import Delivery
from tests.e2e.load import Asked

SUBMISSIONS = frozenset({"order.submitted.v1", "order.replaced.v1"})
SETTLED = {"order.issued.v1": "Issued", "order.drafted.v1": "Draft", "order.failed.v1": "Error"}
_LATER = {"order.confirmed.v1": "Issued", "order.cancelled.v1": "Cancelled", "order.removed.v1": "removed"}
OF_COMMAND = {
    "create": {"order.submitted.v1"},
    "replace": {"order.replaced.v1"},
    "confirm": {"order.confirmed.v1"},
    "cancel": {"order.cancelled.v1", "order.removed.v1"},
}


@dataclass(frozen=True, slots=True)
class Event:
    position: int
    stream: str
    version: int
    topic: str
    correlation_id: str
    scope: str
    data: dict[str, Any]
    occurred_at: str = ""


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A row of the webhook queue."""

    webhook_id: str
    order_id: str
    position: int
    status: str


@dataclass(frozen=True, slots=True)
class Database:
    """A snapshot."""

    events: list[Event]
    deliveries: list[QueuedDelivery]

    def orders(self) -> dict[str, list[Event]]:
        """By orderId its events, in order."""
        streams: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.topic.startswith("order."):
                streams[event.stream].append(event)
        return streams


def read_database(dsn: str) -> Database:
    with psycopg.connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read")
        rows = connection.execute(
            "select notification_id, originator_id::text, originator_version, topic, convert_from(state, 'UTF8')"
            " from stored_events order by notification_id"
        ).fetchall()
        queue = connection.execute("select id, order_id::text, position, status from webhook_deliveries").fetchall()
    events = []
    for position, stream, version, topic, text in rows:
        state = json.loads(text)
        metadata = state["metadata"]
        events.append(
            Event(
                position,
                stream,
                version,
                topic,
                metadata["correlationId"],
                metadata["actor"]["scope"],
                state["data"],
                metadata["occurredAt"],
            )
        )
    return Database(events, [QueuedDelivery(f"msg_{id_.hex}", *rest) for id_, *rest in queue])


def status_of(events: list[Event]) -> str:
    """The order's status after its events, `removed` for one that is gone, `in flight` where it has not settled."""
    status = "in flight"
    for event in events:
        if event.topic in SUBMISSIONS:
            status = "in flight"
        status = SETTLED.get(event.topic) or _LATER.get(event.topic) or status
    return status


def faults_of_log(database: Database) -> Iterator[str]:
    """Positions and versions without gaps; every revision picked up once and settled once; nothing doubled."""
    positions = [event.position for event in database.events]
    if positions != list(range(1, len(positions) + 1)):
        yield f"positions are not 1 to {len(positions)}"
    versions: Counter[str] = Counter()
    for event in database.events:
        versions[event.stream] += 1
        if event.version != versions[event.stream]:
            yield f"version {event.version} of {event.stream} at position {event.position}"
    for order_id, events in database.orders().items():
        revisions = sum(event.topic in SUBMISSIONS for event in events)
        for topics in (set(SETTLED), {"order.scheduled.v1"}, {"order.processing.v1"}):
            found = [event.data["revision"] for event in events if event.topic in topics]
            if found != list(range(1, revisions + 1)):
                yield f"{order_id} has {revisions} revisions, and {sorted(topics)} of {found}"
    submitted = [event for event in database.events if event.topic == "order.submitted.v1"]
    yield from _held_twice(database.events)
    yield from _doubled("our reference", submitted, lambda data: [data["order"]["buyFromOrderReference"]])
    started = [event for event in database.events if event.topic == "order.processing.v1"]
    yield from _doubled("job", started, lambda data: [data["jobId"]])
    minted = [event for event in database.events if event.topic in {"order.issued.v1", "order.drafted.v1"}]
    yield from _doubled("wallet, ticket or coupon", minted, _minted)
    asked_for = {(event.stream, event.data["jobId"]) for event in started}
    for event in minted:
        if (event.stream, event.data["issuance"]["jobId"]) not in asked_for:
            yield f"{event.stream} settled by a job that it never started"


def _held_twice(events: Iterable[Event]) -> Iterator[str]:
    """An order reference is one order's, until that is removed."""
    held: dict[str, str] = {}
    of_order: dict[str, str] = {}
    for event in events:
        if event.topic == "order.submitted.v1":
            reference = of_order[event.stream] = event.data["order"]["sellToOrderReference"]
            if reference in held:
                yield f"order reference {reference} of {event.stream} is held by {held[reference]}"
            held[reference] = event.stream
        elif event.topic == "order.removed.v1":
            held.pop(of_order[event.stream], None)


def _doubled(what: str, events: Iterable[Event], names: Callable[[dict[str, Any]], list[str]]) -> Iterator[str]:
    seen = Counter(name for event in events for name in names(event.data))
    yield from (f"{what} {name} {count} times" for name, count in seen.items() if count > 1)


def _minted(data: dict[str, Any]) -> list[str]:
    names = []
    for line in data["issuance"]["lines"]:
        for wallet in line["wallets"]:
            names += [wallet["walletId"], wallet["walletReferenceNumber"]]
            for asset in wallet["assets"]:
                names += [asset["id"], asset["assetId"], asset["referenceNumber"]]
    return names


def faults_of_answers(asked: list[Asked], database: Database) -> Iterator[str]:
    """A 2xx is in the log, once; a refusal left nothing there; an unknown outcome is one or the other."""
    traces: dict[str, list[Event]] = defaultdict(list)
    for event in database.events:
        if event.scope == "partner":
            traces[event.correlation_id].append(event)
    effects: Counter[tuple[str, str]] = Counter()
    for one in asked:
        own = [event for event in traces[one.correlation_id] if event.topic in OF_COMMAND[one.operation]]
        effects[one.reference, one.operation] += len(own)
        if len(own) > 1:
            yield f"{one} took effect {len(own)} times"
        if one.outcome == "refused" and traces[one.correlation_id]:
            yield f"{one} was refused and is in the log: {traces[one.correlation_id]}"
        if one.outcome == "accepted" and own:
            assert one.answer is not None
            last = max(event.version for event in traces[one.correlation_id] if event.stream == own[0].stream)
            if (own[0].stream, last) != (one.order_id, one.answer.version):
                yield f"{one} is in the log as version {last} of {own[0].stream}"
    for one in asked:
        # Once for all attempts at it: where an answer was lost, the effect may be an earlier attempt's.
        if one.outcome == "accepted" and effects[one.reference, one.operation] != 1:
            yield f"{one} took effect {effects[one.reference, one.operation]} times"


def faults_of_webhooks(arrived: list[Delivery], database: Database) -> Iterator[str]:
    """Every settle was told under exactly one webhook-id, which is its own, with the same bytes each time."""
    settles = {event.position: event for event in database.events if event.topic in SETTLED}
    queued = {delivery.position: delivery for delivery in database.deliveries}
    if len(queued) != len(database.deliveries):
        yield "a settle has two deliveries"
    if queued.keys() != settles.keys():
        yield f"settles without a delivery, or deliveries without a settle, at {sorted(queued.keys() ^ settles.keys())}"
    taken = {delivery.webhook_id for delivery in arrived if delivery.taken}
    known = {}
    for position, delivery in queued.items():
        known[delivery.webhook_id] = delivery
        if delivery.status != "delivered" or delivery.webhook_id not in taken:
            yield f"the settle at {position} did not arrive: {delivery}"
    if len(known) != len(queued):
        yield "two settles share a webhook-id"
    bodies: dict[str, str] = {}
    for one in arrived:
        row = known.get(one.webhook_id)
        if row is None:
            yield f"{one} is of no settle"
        elif (one.order_id, one.status) != (row.order_id, SETTLED[settles[row.position].topic]):
            yield f"{one} tells of {row}"
        if bodies.setdefault(one.webhook_id, one.body) != one.body:
            yield f"{one.webhook_id} came with two bodies"
