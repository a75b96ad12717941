"""Off, as they are by default, traces cost a process nothing: not even the import of OpenTelemetry."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration.api.serving import environment

# Every role at work over a database, without traces; and what is imported by then of what only traces need.
_SERVE = """
import asyncio, os, sys
from services.process import running
from services.settings import read_settings
import services.cli, services.relay.role

async def serve():
    async with running(read_settings(os.environ)):
        pass

asyncio.run(serve())
needed = ("opentelemetry", "google.protobuf", "requests", "urllib3")
print(sorted(name for name in sys.modules if name.startswith(needed)))
"""


@pytest.mark.parametrize(
    "otel",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"},
    ],
)
def test_off_nothing_of_it_is_imported(dsn: str, otel: dict[str, str]) -> None:
    assert _modules(dsn, otel) == "[]"


def test_on_it_is(dsn: str) -> None:
    """Otherwise the test above could not fail."""
    assert "'opentelemetry.sdk.trace'" in _modules(dsn, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})


def _modules(dsn: str, otel: dict[str, str]) -> str:
    foreign = ("OTEL_", "OTA_CM_", "KAFKA_", "DATABASE_URL")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    ran = subprocess.run(
        [sys.executable, "-c", _SERVE],
        env={**own, **environment(dsn, OTA_CM_PORT="0", OTA_CM_ROLES="all", OTA_CM_LOG_LEVEL="error"), **otel},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return ran.stdout.splitlines()[-1]  # its logs go there before
