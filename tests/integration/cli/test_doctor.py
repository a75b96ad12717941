"""`doctor` as an operator types it: alone, beside a running service, and without a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.bench.processes import Server
from tests.integration.cli.terminal import Terminal

# By the machine that the tests run on, not by what is tested.
_OF_THE_MACHINE = {"disk", "open files"}


def _report(terminal: Terminal, status: int) -> dict[str, Any]:
    import msgspec

    done = terminal.type("doctor", "--json")
    assert done.returncode == status, (done.stdout, done.stderr)
    report: dict[str, Any] = msgspec.json.decode(done.stdout)
    _tells_no_secret(terminal, done.stdout + done.stderr)
    return report


def _wrong(report: dict[str, Any]) -> dict[str, str]:
    return {one["check"]: one["state"] for one in report["checks"] if one["state"] != "ok"}


def _tells_no_secret(terminal: Terminal, output: str) -> None:
    folder = Path(terminal.settings.get("OTA_CM_DATA_DIR", "/nowhere"))
    secrets = [path.read_text().strip() for path in folder.glob("*.key")]
    secrets += [
        terminal.settings[name] for name in ("OTA_CM_MASTER_KEY", "OTA_CM_OPERATOR_KEY") if name in terminal.settings
    ]
    assert secrets
    assert not [secret for secret in secrets if secret in output]


def test_a_deployment_in_which_nothing_is_wrong(embedded_terminal: Terminal, tmp_path: Path) -> None:
    embedded_terminal.settings["OTA_CM_PORT"] = "0"
    log = tmp_path / "service.log"
    with Server("services", "serve", "--port", "0", log=log, env=embedded_terminal.settings) as service:
        beside = Terminal({**embedded_terminal.settings, "OTA_CM_PORT": str(service.port)})
        report = _report(beside, 0)
        assert _wrong(report).keys() <= _OF_THE_MACHINE
        findings = {one["check"]: one["finding"] for one in report["checks"]}
        assert findings["port"] == f"the service answers at 127.0.0.1:{service.port}"
        assert findings["issuer's lease"].startswith("held by ")
    alone = _report(Terminal({**embedded_terminal.settings, "OTA_CM_PORT": "0"}), 0)
    assert _wrong(alone).keys() <= _OF_THE_MACHINE
    assert {"issuer's lease": "no service is running"}.items() <= {
        one["check"]: one["finding"] for one in alone["checks"]
    }.items()


def test_keys_that_others_may_read_and_a_master_key_that_was_lost(embedded_terminal: Terminal) -> None:
    terminal = Terminal({**embedded_terminal.settings, "OTA_CM_PORT": "0"})
    terminal.output("key", "create", "--scope", "operator", "--name", "first")
    key = Path(terminal.settings["OTA_CM_DATA_DIR"], "master.key")
    key.chmod(0o644)
    report = _report(terminal, 1)
    assert _wrong(report)["key files"] == "fail"
    key.chmod(0o600)
    key.write_text("spoilt\n")
    assert _wrong(_report(terminal, 1))["master key"] == "fail"
    key.unlink()
    done = terminal.type("doctor")
    assert done.returncode == 0  # it wraps nothing yet
    assert not key.exists()  # looking makes none


def test_a_database_that_cannot_be_reached_is_a_finding(terminal: Terminal) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/nowhere"
    report = _report(Terminal({**terminal.settings, "DATABASE_URL": url, "OTA_CM_PORT": "0"}), 1)
    assert report["state"] == "fail"
    (database,) = [one for one in report["checks"] if one["state"] == "fail"]
    assert database["check"] == "database"
    assert "Connection refused" in database["finding"]
    assert "hunter2" not in str(report)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file is closed to all but root")
def test_an_embedded_database_that_cannot_start_is_a_finding(embedded_terminal: Terminal) -> None:
    terminal = Terminal({**embedded_terminal.settings, "OTA_CM_PORT": "0"})
    terminal.output("key", "create", "--scope", "operator", "--name", "first")
    Path(terminal.settings["OTA_CM_DATA_DIR"], "pg18", "global", "pg_control").write_bytes(b"")
    report = _report(terminal, 1)
    assert {one["check"] for one in report["checks"] if one["state"] == "fail"} == {"database"}


def test_for_people_each_finding_stands_with_its_advice(terminal: Terminal) -> None:
    done = terminal.type("doctor")
    assert done.returncode == 1  # the tests' server is not durable
    lines = [line.rstrip().split(maxsplit=2) for line in done.stdout.splitlines()]
    at = next(number for number, line in enumerate(lines) if line[:2] == ["fail", "durability"])
    assert " ".join(lines[at + 1]).startswith("Set them on at once")
    assert ["ok", "encoding", "UTF8"] in lines
