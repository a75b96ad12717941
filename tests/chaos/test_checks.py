"""The other checks of a round find what they are for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import msgspec
import psycopg
import pytest

from infra.kafka.settings import KafkaSettings
from tests.chaos.answers import faults_of_calls
from tests.chaos.calls import FIRST, ORDER, SECOND, call, create, order
from tests.chaos.heard import Heard
from tests.chaos.history import Call, Told
from tests.chaos.jobs import faults_of_jobs
from tests.chaos.offsets import OffsetsWatch
from tests.chaos.storm import Shape, plan
from tests.chaos.targets import Struck, Target
from tests.chaos.watch import Watch
from tests.e2e.truth import Database, Event

SHAPE = Shape(60.0, gaps=(0.5, 2.0), stops=(5.0, 15.0))


def _event(position: int, topic: str, by: Call | None, version: int | None = None) -> Event:
    scope, correlation_id = ("partner", by.correlation_id) if by is not None else ("issuer", "")
    return Event(position, ORDER, version or position, topic, correlation_id, scope, {})


def _told(one: Call, **changed: object) -> Call:
    assert one.told is not None
    return msgspec.structs.replace(one, told=msgspec.structs.replace(one.told, **changed))


MADE = create(0, 1)
REPLACED = call("replace", 4, 5, order("Submitted", 6, SECOND), asked=SECOND, key="k")
AGAIN = call("replace", 6, 7, msgspec.structs.replace(order("Submitted", 6, SECOND), replayed=True), key="k")
REFUSED = call("confirm", 8, 9, Told(status="Submitted"), code="order_in_flight")
LOST = call("cancel", 10, None)
CALLS = [MADE, REPLACED, AGAIN, REFUSED, LOST]
EVENTS = [
    _event(1, "order.submitted.v1", MADE),
    _event(2, "order.scheduled.v1", None),
    _event(3, "order.processing.v1", None),
    _event(4, "order.drafted.v1", None),
    _event(5, "order.replaced.v1", REPLACED),
    _event(6, "order.void_requested.v1", REPLACED),
]


def test_answers_that_the_log_bears_out_have_no_fault() -> None:
    assert [*faults_of_calls(CALLS, Database(EVENTS, []))] == []
    removed = _event(7, "order.removed.v1", LOST)
    assert [*faults_of_calls(CALLS, Database([*EVENTS, removed], []))] == []


@pytest.mark.parametrize(
    ("calls", "events"),
    [
        (CALLS, EVENTS[1:]),
        (CALLS, [*EVENTS, _event(7, "order.confirmed.v1", REFUSED)]),
        (CALLS, [*EVENTS, _event(7, "order.cancelled.v1", LOST), _event(8, "order.cancelled.v1", LOST)]),
        (CALLS, [*EVENTS, _event(7, "order.replaced.v1", AGAIN)]),
        (CALLS[1:], EVENTS),
        ([MADE, _told(REPLACED, version=5), REFUSED], EVENTS),
        ([MADE, _told(REPLACED, order_id="order-2"), REFUSED], EVENTS),
        ([MADE, REPLACED, _told(AGAIN, version=5)], EVENTS),
        ([MADE, REPLACED, _told(AGAIN, replayed=False)], EVENTS),
        ([MADE, REPLACED, call("confirm", 8, 9, order("Issued", 6, FIRST))], EVENTS),
    ],
    ids=[
        "accepted and lost",
        "refused and done",
        "done twice",
        "done by two attempts under one key",
        "asked for by nobody",
        "another version",
        "another order",
        "a repeat told otherwise",
        "a repeat that was done anew",
        "said to be so already",
    ],
)
def test_answers_that_the_log_does_not_bear_out_are_found(calls: list[Call], events: list[Event]) -> None:
    assert [*faults_of_calls(calls, Database(events, []))]


_STORE = """
insert into stored_events (originator_id, originator_version, topic, state, notification_id)
values (%s, %s, %s, '', %s)
"""
_ROW = """
insert into orders (order_id, partner_id, sell_to_order_reference, buy_from_order_reference, received_at, status,
    removed, version, row_version, submitted_at, summary, document)
values (%s, gen_random_uuid(), '', '', now(), 'Draft', false, %s, 1, now(), '{}', '{}')
"""
_DELIVERY = """
insert into webhook_deliveries (id, subscription_id, order_id, position, event_name, body, status, created_at,
    finished_at)
values (%s, gen_random_uuid(), %s, 4, '', '', 'delivered', now(), now())
"""
_DELIVERY_ID = "383277307081556c87ef3195ae430e11"
_UNSCHEDULED = "update stored_events set topic = 'order.processing.v1' where originator_version = 2"
_SCHEDULED = "update stored_events set topic = 'order.scheduled.v1' where originator_version = 2"
_STREAM = "01a20d40-5a7f-7512-9f81-bba6bebfcbe4"


def test_what_is_noted_as_done_and_is_not_is_seen(dsn: str) -> None:
    """Each consumer stands behind everything that is done, until something that it passed is not."""
    topics = ["order.submitted.v1", "order.scheduled.v1", "order.processing.v1", "order.drafted.v1"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for position, topic in enumerate(topics, 1):
            connection.execute(_STORE, (_STREAM, position, topic, position))
        connection.execute(_ROW, (_STREAM, 4))
        connection.execute(_DELIVERY, (_DELIVERY_ID, _STREAM))
        for consumer in ("issuer", "orders", "webhooks"):
            connection.execute("insert into consumer_positions (name, position) values (%s, 4)", (consumer,))
        arrived = [f"msg_{_DELIVERY_ID}"]
        sound = Watch(dsn, lambda: arrived)
        sound.look(connection)
        assert sound.faults == []
        for consumer, undo, redo in (
            ("issuer", _UNSCHEDULED, _SCHEDULED),
            ("orders", "update orders set version = 3", "update orders set version = 4"),
            ("webhooks", "update webhook_deliveries set position = 9", "update webhook_deliveries set position = 4"),
        ):
            watch = Watch(dsn, lambda: arrived)
            connection.execute(undo)
            watch.look(connection)
            connection.execute(redo)
            assert [fault.partition(" ")[0] for fault in watch.faults] == [consumer]
        too_early = Watch(dsn, lambda: ())
        too_early.look(connection)
        assert [fault.partition(" ")[0] for fault in too_early.faults] == ["marks"]
        # What comes later is looked at as well, once.
        connection.execute(_STORE, (_STREAM, 5, "order.replaced.v1", 5))
        connection.execute("update consumer_positions set position = 5 where name = 'issuer'")
        sound.look(connection)
        sound.look(connection)
        assert len(sound.faults) == 1


def test_an_offset_past_an_order_that_nobody_picked_up_is_seen(dsn: str, tmp_path: Path) -> None:
    lines = tmp_path / "heard.jsonl"
    lines.write_text(
        "".join(_heard(offset, version, kind) for offset, version, kind in ((4, 1, "submitted"), (5, 2, "scheduled")))
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_STORE, (_STREAM, 1, "order.submitted.v1", 1))
        watch = OffsetsWatch(dsn, KafkaSettings(("127.0.0.1:1",)), Heard(lines))
        watch.look({7: 4}, connection)
        assert (watch.looks, watch.faults) == (0, [])
        watch.look({7: 5}, connection)
        assert (watch.looks, len(watch.faults)) == (1, 1)
        connection.execute(_STORE, (_STREAM, 2, "order.scheduled.v1", 2))
        sound = OffsetsWatch(dsn, KafkaSettings(("127.0.0.1:1",)), Heard(lines))
        sound.look({7: 6}, connection)
        assert (sound.looks, sound.faults) == (1, [])
        # What is heard later than it was committed is looked at then.
        with lines.open("a") as more:
            more.write(_heard(6, 3, "submitted"))
        sound.look({7: 9}, connection)
        assert (sound.looks, len(sound.faults)) == (2, 1)


def _heard(offset: int, version: int, kind: str) -> str:
    headers = {"ce_type": f"ota.cm.order.{kind}.v1", "ce_sequence": str(version)}
    return json.dumps({"partition": 7, "offset": offset, "key": _STREAM, "headers": headers, "value": ""}) + "\n"


def _work(position: int, topic: str, at: str, **data: object) -> Event:
    return Event(position, ORDER, position, topic, "", "issuer", data, f"2026-01-01T10:00:{at}Z")


def _leased(owner: str, until: str) -> dict[str, object]:
    return {"jobId": "job", "lease": {"owner": owner, "until": f"2026-01-01T10:00:{until}Z"}}


_BEGUN = _work(1, "order.processing.v1", "00.000000", **_leased("issuer-1:7:a", "10"))
_TAKEN_OVER = _work(2, "order.issuance_resumed.v1", "10.000001", **_leased("issuer-2:8:b", "20"))
_DEFERRED = _work(2, "order.issuance_deferred.v1", "01", jobId="job", retryAt="2026-01-01T10:00:03Z")
_ISSUED = _work(4, "order.issued.v1", "12", issuance={"jobId": "job"})


@pytest.mark.parametrize(
    ("events", "faults"),
    [
        ([_BEGUN, _TAKEN_OVER, _ISSUED], 0),
        ([_BEGUN, _DEFERRED, replace(_TAKEN_OVER, occurred_at="2026-01-01T10:00:03Z"), _ISSUED], 0),
        ([_BEGUN, replace(_TAKEN_OVER, occurred_at="2026-01-01T10:00:09.999Z"), _ISSUED], 1),
        ([_BEGUN, _DEFERRED, replace(_TAKEN_OVER, occurred_at="2026-01-01T10:00:02Z"), _ISSUED], 1),
        ([_BEGUN, _ISSUED, replace(_ISSUED, position=5)], 1),
    ],
    ids=["taken over in time", "put off", "taken from its owner", "before it was to be tried again", "issued twice"],
)
def test_two_issuers_at_one_job_are_found(events: list[Event], faults: int) -> None:
    assert len([*faults_of_jobs(Database(events, []))]) == faults


class _Anything:
    ways: Mapping[str, int] = MappingProxyType({"kill -9": 1, "SIGSTOP": 1})
    busy_after = "answer"
    busy_seconds = 0.01

    def __init__(self, name: str, weight: int) -> None:
        self.name = name
        self.weight = weight

    def strike(self, way: str, chance: object) -> Struck:  # noqa: ARG002 - nothing to strike
        return Struck(way)


def test_a_seed_is_a_plan() -> None:
    targets: list[Target] = [_Anything("a", 1), _Anything("b", 3)]
    hits = plan(7, SHAPE, targets)
    assert hits == plan(7, SHAPE, targets)
    assert hits != plan(8, SHAPE, targets)
    assert {(hit.target, hit.way) for hit in hits} == {(n, w) for n in ("a", "b") for w in ("kill -9", "SIGSTOP")}
    assert all(5 <= hit.stop_seconds <= 15 and hit.at < 60 for hit in hits)
    assert replace(hits[0], at=0.0) not in hits
