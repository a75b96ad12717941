"""Where the figures are: with the API, beside the other roles where they have a port, or on a port of their own."""

from __future__ import annotations

import re
import socket

import aiohttp
import pytest

from services.process import running
from services.settings import SettingError, read_settings
from tests.integration.api.serving import environment
from tests.integration.telemetry.scraped import read


async def _status_and_text(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("roles", ["api", "projector,issuer", "webhooks"])
async def test_a_process_with_a_port_shows_its_figures_there(dsn: str, roles: str) -> None:
    settings = read_settings(environment(dsn, OTA_CM_ROLES=roles, OTA_CM_PORT="0"))
    async with running(settings) as url:
        status, text = await _status_and_text(f"{url}/metrics")
    assert status == 200
    scraped = read(text)
    assert scraped.values("ota_cm_build_info", "roles") == {",".join(sorted(roles.split(","))): 1}
    assert scraped.value("ota_cm_postgres_up") == 1
    # Of a role that does not run here nothing is said.
    assert ("ota_cm_admission_open" in scraped.names) is (roles == "api")
    assert ("ota_cm_webhook_deliveries_total" in scraped.names) is (roles == "webhooks")


@pytest.mark.parametrize("roles", ["api", "issuer"])
async def test_a_port_of_their_own_is_the_only_one_that_has_them(
    dsn: str, roles: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = read_settings(environment(dsn, OTA_CM_ROLES=roles, OTA_CM_PORT="0", OTA_CM_METRICS_PORT="0"))
    async with running(settings) as url:
        told = re.search(r"shows its figures at (http://127\.0\.0\.1:\d+)/metrics\n", capsys.readouterr().err)
        assert told is not None
        assert (await _status_and_text(f"{told[1]}/metrics"))[0] == 200
        assert (await _status_and_text(f"{told[1]}/healthz"))[0] == 404
        assert (await _status_and_text(f"{url}/metrics"))[0] == 404
        assert (await _status_and_text(f"{url}/healthz"))[0] == 200


async def test_a_port_of_their_own_that_is_taken_is_told(dsn: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = read_settings(environment(dsn, OTA_CM_ROLES="issuer", OTA_CM_METRICS_PORT=str(port)))
        with pytest.raises(SettingError, match=f"127.0.0.1:{port} cannot be listened on: Address already in use"):
            async with running(settings):
                pass
