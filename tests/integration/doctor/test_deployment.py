"""Clocks, schema, keys, log and machine, each with one thing wrong."""

from __future__ import annotations

import asyncio
import resource
import socket
from base64 import b64encode
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from infra.event_store.field_encryption import StreamKey
from services.doctor import log, versions
from services.doctor.finding import Finding
from services.secrets import key_ring
from tests.integration.doctor.examined import clock, examined, spoil, state_of
from tests.integration.event_store.saving import command, event, opened_writer

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
_NEWEST = "(select max(name) from schema_migrations)"


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (3, "warn"), (-3, "warn"), (100, "fail"), (-100, "fail")])
def test_clocks_that_differ(seconds: int, state: str, dsn: str) -> None:
    def ours() -> datetime:
        return clock() + timedelta(seconds=seconds)

    found = examined(dsn, now=ours)["clock"]
    assert found.state == state
    assert ("ahead of" in found.finding, "behind" in found.finding) == (seconds > 0, seconds < 0)


def test_a_log_from_the_future(dsn: str) -> None:
    _store_events(dsn, 1)
    assert state_of("log's clock", dsn) == "ok"
    spoil(dsn, "update stored_events set recorded_at = clock_timestamp() + interval '1 hour'")
    assert state_of("log's clock", dsn) == "warn"


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        (f"delete from schema_migrations where name = {_NEWEST}", "fail"),
        ("insert into schema_migrations (name, sha256) values ('9999_of_tomorrow', '')", "warn"),
        (f"update schema_migrations set sha256 = '' where name = {_NEWEST}", "fail"),
        ("insert into schema_migrations (name, sha256) values ('0001_of_others', '')", "fail"),
    ],
    ids=["pending", "newer", "changed", "foreign"],
)
def test_a_schema_of_another_version(statement: str, state: str, dsn: str) -> None:
    spoil(dsn, statement)
    found = examined(dsn)
    assert found["migrations"].state == state
    assert ("positions" in found) is (state != "fail")  # without the schema there is nothing to look at


def test_a_database_with_nothing_in_it(empty_dsn: str) -> None:
    found = examined(empty_dsn)["migrations"]
    assert found.state == "fail"
    assert "0001_event_store" in found.finding


def test_another_master_key_than_the_one_that_wraps(dsn: str) -> None:
    right, wrong = bytes(range(32)), bytes(32)
    key = key_ring(right).new_stream_key(uuid4())[1]
    _store_events(dsn, 1, key)
    assert state_of("master key", dsn, OTA_CM_MASTER_KEY=b64encode(right).decode()) == "ok"
    found = examined(dsn, OTA_CM_MASTER_KEY=b64encode(wrong).decode())["master key"]
    assert found.state == "fail"
    assert key.master_key_id in found.finding
    spoil(dsn, "update stream_keys set originator_id = gen_random_uuid()")
    assert state_of("master key", dsn, OTA_CM_MASTER_KEY=b64encode(right).decode()) == "fail"


def test_nobody_who_may_operate(dsn: str) -> None:
    assert state_of("operator key", dsn) == "ok"
    assert state_of("operator key", dsn, OTA_CM_OPERATOR_KEY="") == "warn"


def test_a_key_that_may_be_guessed(dsn: str) -> None:
    found = examined(dsn, OTA_CM_OPERATOR_KEY="operator-key")["operator key"]
    assert (found.state, found.finding) == ("warn", "in the settings, of 12 characters")


def test_a_position_that_is_gone(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _store_events(dsn, 12)
    assert examined(dsn)["positions"].finding == "1 to 12 without a gap"
    spoil(dsn, "delete from stored_events where notification_id = 1")
    assert state_of("positions", dsn) == "fail"
    monkeypatch.setattr(log, "_TAIL", log._TAIL.replace(str(log._WINDOW), "5"))
    monkeypatch.setattr(log, "_WINDOW", 5)
    assert examined(dsn)["positions"].finding == "8 to 12 without a gap"
    spoil(dsn, "delete from stored_events where notification_id = 10")
    assert examined(dsn)["positions"].finding.startswith("1 missing")


@pytest.mark.parametrize(
    ("check", "statement", "state"),
    [
        ("consumers", "insert into consumer_positions values ('webhooks', 0, 'told to')", "fail"),
        (
            "parked events",
            "insert into parked_events values ('orders', 1, gen_random_uuid(), 1, 'order.submitted.v9', 'unknown')",
            "fail",
        ),
        (
            "dead deliveries",
            "insert into webhook_deliveries (id, subscription_id, order_id, position, event_name, body, status,"
            " created_at, finished_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'e', '',"
            " 'dead', now(), now())",
            "warn",
        ),
        (
            "orders in flight",
            "insert into orders values (gen_random_uuid(), gen_random_uuid(), 'R', 'CM', now(), 'Submitted', false, 1,"
            " 1, now() - interval '1 hour', now(), '', '')",
            "warn",
        ),
    ],
)
def test_what_stands_still(check: str, statement: str, state: str, dsn: str) -> None:
    spoil(dsn, statement)
    assert state_of(check, dsn) == state


def test_a_draft_that_should_have_expired(dsn: str) -> None:
    partner = (GOLDEN / "partner.created.v1.json").read_text()
    spoil(
        dsn,
        "insert into stored_events (originator_id, originator_version, topic, state)"
        f" values (gen_random_uuid(), 1, 'partner.created.v1', '{partner}')",
    )
    assert state_of("expiring drafts", dsn) == "ok"
    spoil(
        dsn,
        "insert into orders select gen_random_uuid(), (made #>> '{data,partnerId}')::uuid, 'R', 'CM', now(), 'Draft',"
        " false, 4, 1, now(), null,"
        " convert_to(json_build_object('issuance', json_build_object('issuedAt', now() - interval '1 day'))::text,"
        f" 'UTF8'), '' from (select '{partner}'::json as made) event",
    )
    assert state_of("expiring drafts", dsn) == "warn"


def test_a_consumer_that_is_late(dsn: str) -> None:
    _store_events(dsn, 1)
    assert state_of("consumers", dsn) == "ok"
    spoil(dsn, "update stored_events set recorded_at = clock_timestamp() - interval '1 hour'")
    assert state_of("consumers", dsn) == "warn"


def test_hardly_any_open_files(dsn: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert state_of("open files", dsn) == "warn"
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        assert state_of("open files", dsn) == "fail"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_port_that_something_else_has(dsn: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        port = partial(state_of, "port", dsn, OTA_CM_PORT=taken)
        assert port() == "warn"
    assert port() == "ok"
    assert port(OTA_CM_HOST="192.0.2.1") == "fail"


def test_libraries_that_are_not_the_declared_ones() -> None:
    assert versions.unlike(["msgspec>=0.1", "eventsourcing[postgres]~=9.5.0", "click~=8.1", "rich>=14"]) == []
    found = versions.unlike(["msgspec==0.0.1", "eventsourcing[postgres]~=9.4.0", "click>=99", "no-such-thing~=1.0"])
    assert [one.split()[0] for one in found] == ["msgspec", "eventsourcing", "click", "no-such-thing"]


def test_what_cannot_be_looked_at_is_a_finding(dsn: str) -> None:
    spoil(dsn, "drop table leases")
    found: Finding = examined(dsn)["issuer's lease"]
    assert found.state == "fail"
    assert found.finding.startswith("could not be looked at: ")


def _store_events(dsn: str, count: int, *keys: StreamKey) -> None:
    async def store() -> None:
        async with opened_writer(dsn) as writer:
            await writer.append(command(*(event() for _ in range(count)), keys=keys))

    asyncio.run(store())
