"""`replay`, beside a running service and alone."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from tests.bench.processes import Server
from tests.integration.cli.calls import call, eventually
from tests.integration.cli.terminal import Terminal

STRANGER = UUID(int=4711)


def _sell(service: Server, terminal: Terminal) -> str:
    """A paid order of three tickets, and the day of the visit, once it is Issued."""
    key = terminal.settings["OTA_CM_OPERATOR_KEY"]
    partner = call(service.port, key, "POST", "/admin/partners", {"name": "Agent"}).body["partnerId"]
    body = {
        "partnerId": partner,
        "sellToOrderReference": "A-1",
        "paymentReference": "PAID",
        "items": [{"itemNumber": "31001", "quantity": 3, "visitDate": "2036-12-01", "visitTime": "10:00:00"}],
    }
    taken = call(service.port, key, "POST", "/channelManager", body)
    assert taken.status == 201, taken
    order_id = str(taken.body["orderId"])
    eventually(
        lambda: call(service.port, key, "GET", f"/channelManager/{order_id}"),
        lambda answer: answer.body["status"] == "Issued",
    )
    return order_id


def _head(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select coalesce(max(notification_id), 0) from stored_events").fetchone()
        return int(row[0]) if row is not None else 0


def test_replay_beside_a_service_proves_what_is_kept(terminal: Terminal, service: Server, dsn: str) -> None:
    _sell(service, terminal)
    proved: dict[str, Any] = terminal.json("replay")
    assert proved.pop("seconds") > 0
    head = _head(dsn)
    assert proved == {
        "equal": True,
        "position": head,
        "events": head,
        "orders": 1,
        "slots": 1,
        "numbers": 6,
        "living": 6,
        "differingSlots": 0,
        "differingNumbers": 0,
        "slotDifferences": [],
        "numberDifferences": [],
    }


def test_replay_names_what_differs_and_exits_with_1(terminal: Terminal, service: Server, dsn: str) -> None:
    order_id = _sell(service, terminal)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("update allotments set sold = 2")
        connection.execute("insert into shown_numbers values ('[bold]T-1', %s, false)", (STRANGER,))
        connection.execute("delete from shown_numbers where number like 'W%%' and order_id = %s", (order_id,))
    done = terminal.type("replay")
    assert done.returncode == 1, done.stderr
    head = _head(dsn)
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"replayed {head} events of 1 orders up to position {head} in \d+\.\d\d s", lines[0]), (
        done.stdout
    )
    assert lines[1:3] == ["1 slots: 1 differ", "6 numbers (6 living): 4 differ"]
    rows = [re.split(r" {2,}", row.strip()) for row in lines[4:]]
    assert ["MAIN 2036-12-01", "0 held, 2 sold", "0 held, 3 sold"] in rows
    assert ["[bold]T-1", f"void, of order {STRANGER}", "nothing"] in rows
    assert [row[1:] for row in rows if row[0].startswith("W")] == [["nothing", f"living, of order {order_id}"]] * 3
    done = terminal.type("replay", "--json")
    assert done.returncode == 1
    told = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert (told["equal"], told["differingSlots"], told["differingNumbers"]) == (False, 1, 4)
    assert told["slotDifferences"] == [
        {
            "admission": "MAIN",
            "visitDate": "2036-12-01",
            "slotStart": None,
            "kept": {"held": 0, "sold": 2, "overridden": False, "capacity": None},
            "byTheLog": {"held": 0, "sold": 3, "overridden": False, "capacity": None},
        }
    ]
    assert {
        "number": "[bold]T-1",
        "kept": {"orderId": str(STRANGER), "living": False},
        "byTheLog": None,
    } in told["numberDifferences"]


def test_replay_says_how_far_it_is(terminal: Terminal) -> None:
    assert terminal.type("key", "create", "--scope", "gate", "--name", "an event").returncode == 0
    done = terminal.type("replay")
    assert (done.returncode, done.stderr) == (0, "replay: 1 of 1 events\n")
    assert re.sub(r"\d+\.\d+ s", "S", done.stdout) == (
        "replayed 1 events of 0 orders up to position 1 in S\n"
        "0 slots: as the log says\n"
        "0 numbers (0 living): as the log says\n"
    )


def test_replay_cannot_say_anything_of_a_log_that_does_not_fold(terminal: Terminal, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "insert into stored_events (originator_id, originator_version, topic, state) values (%s, 1, %s, %s)",
            (uuid4(), "order.forged.v1", b"{}"),
        )
    done = terminal.type("replay")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = [line for line in done.stderr.splitlines() if line.startswith("channel-manager: ")]
    assert line.startswith("channel-manager: the order.forged.v1 at position 1, version 1 of ")
    assert line.endswith("does not fold: UnknownTopic: order.forged.v1")


def test_replay_cannot_say_anything_without_a_database(empty_terminal: Terminal) -> None:
    line = empty_terminal.refusal(2, "replay")
    assert "the schema is behind" in line
