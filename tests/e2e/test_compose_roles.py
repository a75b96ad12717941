"""What compose.yaml starts, started here: its database script, its broker, its commands with their environments.

Only addresses and ports are this machine's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.postgres.server_settings import binaries
from services.settings import ROLES
from tests.brokers import Broker
from tests.e2e.service import REPOSITORY, Service
from tests.integration.deployment.deployed import INFRA, compose, image_environment, image_healthcheck, new_env
from tests.own_server import running_own_server

_BROKER_OF_ITS_OWN = ("KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS")
_NOT_THE_BROKERS = ("KAFKA_LOG_DIRS", "KAFKA_HEAP_OPTS")

_ROLE = """
select rolsuper, rolcreaterole, rolcreatedb, rolpassword like 'SCRAM-SHA-256$%'
from pg_authid where rolname = 'channel_manager'
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return new_env(tmp_path / ".env", "http://127.0.0.1:8080")


@pytest.fixture
def database(variables: Mapping[str, str]) -> Iterator[str]:
    """Of the service: made by the script that the image of PostgreSQL runs; its URL as compose.yaml has it."""
    with running_own_server() as own:
        script = f"--file={INFRA / 'new-database.sql'}"
        psql = [str(binaries(18) / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", script, own.dsn]
        subprocess.run(psql, env={**os.environ, **variables}, check=True, timeout=60)
        given = compose(variables)["services"]["api"]["environment"]["DATABASE_URL"]
        socket = quote(str(conninfo_to_dict(own.dsn)["host"]), safe="")
        with psycopg.connect(own.dsn) as connection:
            role = connection.execute(_ROLE).fetchone()
        assert role == (False, False, False, True)
        yield given.replace(f"@{urlsplit(given).netloc.rpartition('@')[2]}/", f"@{socket}/")


@pytest.fixture
def broker(own_broker: Callable[..., Broker], variables: Mapping[str, str]) -> Broker:
    given = compose(variables)["services"]["kafka"]["environment"]
    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith("KAFKA_") and name not in (*_BROKER_OF_ITS_OWN, *_NOT_THE_BROKERS)
    }
    return own_broker(settings)


def test_every_service_works_and_is_found_healthy(
    database: str, broker: Broker, variables: dict[str, str], service: Callable[..., Service]
) -> None:
    """`migrate` first, then each role: ready as Docker's health check sees it, and gone within its time."""
    here = {"DATABASE_URL": database, "OTA_CM_HOST": "127.0.0.1", "OTA_CM_METRICS_PORT": "0"}
    services = compose(variables)["services"]
    migrated = subprocess.run(
        [sys.executable, "-m", "services", *services["migrate"]["command"]],
        cwd=REPOSITORY,
        env={**os.environ, **services["migrate"]["environment"], **here},
        timeout=60,
        check=False,
    )
    assert migrated.returncode == 0
    started = {}
    for role in ROLES:
        command, *arguments = services[role]["command"]
        environment = {**image_environment(), **services[role]["environment"], **here}
        settings = {**environment, "OTA_CM_PORT": "0", "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        del settings["PATH"]
        started[role] = service(*arguments, name=role, settings=settings, command=command).start()
    for role, process in started.items():
        process.ready()
        assert _is_healthy(process), role
    for process in started.values():
        process.terminate()
    for role, process in started.items():
        assert process.exit_status() == 0, role


def _is_healthy(process: Service) -> bool:
    environment = {**os.environ, "OTA_CM_PORT": str(process.port)}
    return (
        subprocess.run(image_healthcheck(), env=environment, capture_output=True, timeout=30, check=False).returncode
        == 0
    )
