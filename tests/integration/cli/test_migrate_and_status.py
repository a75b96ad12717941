"""`migrate` and `status`, and what every command says when it cannot begin."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tests.integration.cli.terminal import Terminal

EVERY_MIGRATION = sorted(
    file.name.removesuffix(".sql")
    for file in files("infra.postgres").joinpath("migrations").iterdir()
    if file.name.endswith(".sql")
)


def test_migrate_names_what_it_applied(empty_terminal: Terminal) -> None:
    assert empty_terminal.output("migrate").splitlines() == [f"applied {name}" for name in EVERY_MIGRATION]
    assert empty_terminal.output("migrate") == "nothing to apply: the schema is up to date\n"
    assert empty_terminal.json("migrate") == {"applied": []}


def test_a_command_that_only_looks_leaves_the_schema_to_migrate(empty_terminal: Terminal) -> None:
    line = empty_terminal.refusal(2, "status")
    assert line.startswith("channel-manager: the schema is behind: `channel-manager migrate` applies 0001_event_store,")


def test_status_shows_what_the_api_shows(terminal: Terminal) -> None:
    status = terminal.json("status")
    assert [one["name"] for one in status["consumers"]] == ["issuer", "orders", "voids", "webhooks"]
    assert all(one["lag"] == 0 and one["halted"] is None for one in status["consumers"])
    del status["consumers"]
    assert status == {
        "inFlight": {"Submitted": 0, "Scheduled": 0, "Processing": 0},
        "oldestInFlightSeconds": 0.0,
        "deadDeliveries": 0,
        "parkedEvents": 0,
        "deadLetters": 0,
    }


def test_status_is_a_table_for_people(terminal: Terminal) -> None:
    lines = [line.split() for line in terminal.output("status").splitlines()]
    assert ["orders", "0", "0", "0", "caught", "up"] in lines
    assert ["parked", "events", "0"] in lines


def test_a_database_that_cannot_be_reached_is_one_line_and_exit_2(terminal: Terminal) -> None:
    away = Terminal({**terminal.settings, "DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"})
    assert "Connection refused" in away.refusal(2, "status")


def test_a_bad_setting_is_one_line_and_exit_2(terminal: Terminal) -> None:
    wrong = Terminal({**terminal.settings, "OTA_CM_MASTER_KEY": "short"})
    assert wrong.refusal(2, "migrate") == "channel-manager: OTA_CM_MASTER_KEY: 32 bytes, base64"


def test_a_wrong_data_folder_is_told_and_not_made(embedded_terminal: Terminal) -> None:
    folder = embedded_terminal.settings["OTA_CM_DATA_DIR"]
    line = embedded_terminal.refusal(2, "status")
    assert line.startswith(f"channel-manager: there is no data folder {folder}: ")
    assert not Path(folder).exists()


def test_help_names_every_command_without_loading_any(terminal: Terminal) -> None:
    told = terminal.output("--help")
    for command in ("serve", "demo", "migrate", "status", "doctor", "rebuild", "key", "dlq"):
        assert f"\n  {command} " in told
