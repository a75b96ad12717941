"""Names, e-mails, keys and secrets are found nowhere at rest: not in tables, indexes or WAL, not in any log."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.client import Client
from tests.e2e.endpoint import running_endpoint
from tests.e2e.load import order_body
from tests.e2e.reading import lags
from tests.e2e.service import Service, wait_for

# In every name and e-mail of this test, and nowhere else; a control that must be found is written the same way.
PERSONAL = "Xq7Zvarg"
CONTROL = "Kw9Jmulb"
BESIDE = ("operator.key", "master.key")

_WRITERS = "from pg_stat_activity where application_name = 'channel-manager writer'"


def test_names_emails_keys_and_secrets_are_nowhere_in_plain(folder: Path, service: Callable[..., Service]) -> None:
    running = service(settings={"OTA_CM_OPERATOR_KEY": "", "OTA_CM_LOG_LEVEL": "debug"}).start()
    running.ready()
    operator_key = (running.data / "operator.key").read_text().strip()
    operator = running.client(operator_key)
    partner_id = str(operator.got("POST", "/admin/partners", {"name": "Agent"})["partnerId"])
    partner_key = str(operator.got("POST", f"/admin/partners/{partner_id}/keys", {"name": "shop"})["key"])
    auditor_key = str(operator.got("POST", "/admin/keys", {"scope": "auditor", "name": "auditor"})["key"])
    partner = running.client(partner_key)
    with running_endpoint(folder) as endpoint:
        subscription = {"notificationUrl": endpoint.url, "eventName": "ota_cm_order_processed"}
        secret = str(partner.got("POST", "/webhook", subscription)["secret"])
        for number in range(10):
            _life(partner, running.client(auditor_key), partner_id, f"{CONTROL}-{number}")
        _refusals(partner, partner_id)
        _broken_connections(running, partner, partner_id)
        wait_for("done", lambda: not lags(operator), 20, detail=lambda: lags(operator))
        wait_for("told", lambda: len(endpoint.deliveries(secret)) >= 20, 20)
        assert not any(PERSONAL in delivery.body for delivery in endpoint.deliveries(secret))
    with psycopg.connect(running.dsn, autocommit=True) as connection:
        connection.execute("checkpoint")
    running.terminate()
    assert running.exit_status() == 0

    files = _files(folder)
    control = [path for path, content in files.items() if _forms(CONTROL)["as it is"] in content]
    for kind in ("pg_wal", "base"):
        assert any(kind in path.parts for path in control), f"the search finds nothing at all in {kind}"
    assert {folder / "service.log", running.data / "postgres.log"} <= files.keys()
    sought = {"a name or an e-mail": _forms(PERSONAL)}
    for what, key in {"operator": operator_key, "partner": partner_key, "auditor": auditor_key}.items():
        sought[f"the {what}'s key"] = _forms(key.rpartition("_")[2])
    sought["the webhook secret"] = _forms(secret.removeprefix("whsec_"))
    sought["the webhook secret, raw"] = {"as it is": base64.b64decode(secret.removeprefix("whsec_"))}
    sought["the master key"] = _forms((running.data / "master.key").read_text().strip())
    assert [*_found(sought, files)] == []


def _guest(where: str) -> str:
    return f"{PERSONAL} Ærø {where}"


def _body(partner_id: str, reference: str, *, paid: bool) -> dict[str, Any]:
    """Marked in every place that holds a name or an e-mail: the order's, a line's, a wallet's."""
    body = order_body(partner_id, reference, paid=paid)
    body.update(sellToName=_guest("order"), sellToEmail=f"{PERSONAL}.order@example.com")
    line = body["items"][0]
    line.update(sellToName=_guest("line"), sellToEmail=f"{PERSONAL}.line@example.com")
    line["wallet"] = {"names": [_guest("first"), _guest("second")]}
    return body


def _settled(partner: Client, order_id: str) -> Any:
    """The order, once it has settled; it shows its guests by name."""
    path = f"/channelManager/{order_id}"
    wait_for("settled", lambda: partner.got("GET", path)["items"], 20)
    order = partner.got("GET", path)
    assert order["items"][0]["wallets"][1]["name"] == _guest("second")
    return order


def _life(partner: Client, auditor: Client, partner_id: str, reference: str) -> None:
    """Draft, replaced, confirmed, listed, cancelled; read in every way on its way."""
    headers = {"Idempotency-Key": f"make {reference}"}
    body = _body(partner_id, reference, paid=False)
    made = partner.call("POST", "/channelManager", body, headers)
    assert made.status == 201, made
    again = partner.call("POST", "/channelManager", body, headers)
    assert again.body == made.body
    order_id = made.body["orderId"]
    path = f"/channelManager/{order_id}"
    assert _settled(partner, order_id)["status"] == "Draft"
    assert partner.call("PUT", path, _body(partner_id, reference, paid=False)).status == 200
    assert _settled(partner, order_id)["status"] == "Draft"
    assert partner.got("POST", f"{path}/confirm", {"paymentReference": "PAY-3"})["sellToName"] == _guest("order")
    listed = f"/channelManager/orders/{partner_id}?sellToOrderReference={reference}"
    wait_for("listed", lambda: [row["status"] for row in partner.got("GET", listed)["data"]] == ["Issued"], 20)
    assert partner.got("GET", listed)["data"][0]["sellToEmail"] == f"{PERSONAL}.order@example.com"
    assert PERSONAL in str(auditor.got("GET", f"{path}/history"))
    assert partner.got("DELETE", path)["status"] == "Cancelled"


def _refusals(partner: Client, partner_id: str) -> None:
    """Bodies with marked names that are refused: for a fault beside them, and for what they are themselves."""
    good = _body(partner_id, f"{CONTROL}-refused", paid=True)
    for wrong in (
        {"items": [{**good["items"][0], "visitDate": PERSONAL}]},
        {"sellToName": {"given": PERSONAL}, "items": PERSONAL},
        {"sellToName": PERSONAL * 20},
        {"sellToEmail": [PERSONAL]},
        {PERSONAL: PERSONAL},
        {"sellToName": f"{PERSONAL}\x00"},
        {"partnerId": PERSONAL, "sellToOrderReference": f"{PERSONAL}" * 10},
    ):
        refused = partner.call("POST", "/channelManager", {**good, **wrong})
        assert (refused.status, refused.code) == (400, "validation_failed"), refused
    for raw in (f'{{"sellToName": "{PERSONAL}"', f'{{"sellToName": "{PERSONAL}", "items": NaN}}', f'["{PERSONAL}"]'):
        assert partner.call("POST", "/channelManager", raw.encode()).status == 400
    typed = {"Content-Type": "text/plain"}
    assert partner.call("POST", "/channelManager", PERSONAL.encode(), typed).status == 415
    assert partner.call("POST", "/channelManager", PERSONAL.encode() * 200_000).status == 413


def _broken_connections(running: Service, partner: Client, partner_id: str) -> None:
    """What breaks is logged by both sides: a backend that is ended, and one that crashes."""
    with psycopg.connect(running.dsn, autocommit=True) as connection:
        ended = connection.execute(f"select pg_terminate_backend(pid) {_WRITERS}").fetchall()
    assert ended == [(True,)]
    _taken_again(partner, partner_id, f"{CONTROL}-ended")
    with psycopg.connect(running.dsn, autocommit=True) as connection:
        ((writer,),) = connection.execute(f"select pid {_WRITERS}").fetchall()
    os.kill(writer, signal.SIGSEGV)
    _taken_again(partner, partner_id, f"{CONTROL}-crashed")


def _taken_again(partner: Client, partner_id: str, reference: str) -> None:
    body = _body(partner_id, reference, paid=True)
    wait_for("taken", lambda: partner.call("POST", "/channelManager", body).status in {201, 409}, 20)


def _forms(text: str) -> dict[str, bytes]:
    """How a text may stand in a file."""
    plain = text.encode()
    forms = {
        "as it is": plain,
        "lower case": text.lower().encode(),
        "upper case": text.upper().encode(),
        "UTF-16, little end first": text.encode("utf-16-le"),
        "UTF-16, big end first": text.encode("utf-16-be"),
        "hexadecimal": plain.hex().encode(),
    }
    for before in range(3):
        # The first and last symbols depend on what stands beside the text.
        encoded = base64.b64encode(bytes(before) + plain)
        first = -(-before * 8 // 6)
        last = (before + len(plain)) * 8 // 6
        forms[f"base64, {before} before"] = encoded[first:last]
    return forms


def _files(folder: Path) -> dict[Path, bytes]:
    """All that was written: the data folder with tables and WAL, and the logs."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in BESIDE}


def _found(sought: dict[str, dict[str, bytes]], files: dict[Path, bytes]) -> Iterator[str]:
    for path, content in files.items():
        for what, forms in sought.items():
            for form, needle in forms.items():
                if (at := content.find(needle)) >= 0:
                    yield f"{what}, {form}, in {path.name} at {at}: {content[max(0, at - 200) : at + 100]!r}"
