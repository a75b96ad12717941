"""`key`: made, listed and revoked in the store itself, beside a service and without one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from tests.bench.processes import Server
from tests.integration.cli.calls import call, eventually
from tests.integration.cli.terminal import Terminal


def test_a_running_service_knows_a_new_key_at_once_and_forgets_a_revoked_one(
    terminal: Terminal, service: Server
) -> None:
    made = terminal.json("key", "create", "--scope", "operator", "--name", "desk")
    assert call(service.port, made["key"], "GET", "/admin/partners").status == 200

    assert terminal.output("key", "revoke", made["keyId"]) == f"revoked {made['keyId']}\n"
    eventually(lambda: call(service.port, made["key"], "GET", "/admin/partners"), lambda answer: answer.status == 401)


def test_a_key_is_shown_once_and_alone(terminal: Terminal) -> None:
    done = terminal.type("key", "create", "--scope", "gate", "--name", "north gate")
    assert done.returncode == 0
    (key,) = done.stdout.splitlines()
    assert key.startswith("ota_g_")
    (note,) = done.stderr.splitlines()
    assert key not in note

    listed = terminal.output("key", "list")
    assert "north gate" in listed
    assert key not in listed
    (one,) = terminal.json("key", "list")
    assert UUID(one.pop("keyId")).version == 7
    assert one.pop("createdAt").endswith("Z")
    assert one == {"scope": "gate", "name": "north gate"}


def test_a_revoked_key_is_gone_from_the_list_and_cannot_be_revoked_again(terminal: Terminal) -> None:
    kept, ended = (
        terminal.json("key", "create", "--scope", "auditor", "--name", name)["keyId"] for name in ("kept", "ended")
    )
    assert terminal.json("key", "revoke", ended) == {"keyId": ended, "revoked": True}
    assert [one["keyId"] for one in terminal.json("key", "list")] == [kept]
    assert terminal.refusal(1, "key", "revoke", ended) == f"channel-manager: there is no key {ended}"


def test_a_name_is_checked_as_over_http(terminal: Terminal) -> None:
    assert terminal.refusal(2, "key", "create", "--scope", "gate", "--name", "").startswith("channel-manager: --name: ")


def test_the_first_key_of_a_new_deployment_needs_no_service_before(embedded_terminal: Terminal) -> None:
    made = embedded_terminal.json("key", "create", "--scope", "operator", "--name", "first")
    assert [one["keyId"] for one in embedded_terminal.json("key", "list")] == [made["keyId"]]
    # The operator's own key is the service's to make, at its first start, which shows it.
    assert not Path(embedded_terminal.settings["OTA_CM_DATA_DIR"], "operator.key").exists()


def test_a_key_made_beside_a_service_on_the_embedded_database(embedded_terminal: Terminal, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with Server("services", "serve", "--port", "0", log=log, env=embedded_terminal.settings) as service:
        key = embedded_terminal.json("key", "create", "--scope", "operator", "--name", "desk")["key"]
        assert call(service.port, key, "GET", "/admin/partners").status == 200
