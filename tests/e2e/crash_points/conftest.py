"""A database with a catalog and a partner in it, made once; each test has a copy, and its services start warm."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.postgres.embedded import EmbeddedPostgres
from tests.databases import cloned
from tests.e2e.crash_points.partner import Partner, new_partner, publish_catalog
from tests.e2e.crash_points.shop import MakeService, Shop
from tests.e2e.endpoint import Endpoint, running_endpoint
from tests.e2e.service import OPERATOR_KEY, Service
from tests.integration.api.serving import environment


@dataclass(frozen=True, slots=True)
class Prepared:
    """A database to be cloned."""

    name: str
    partner: Partner


def settings_for(dsn: str, **more: str) -> dict[str, str]:
    return environment(dsn, OTA_CM_OPERATOR_KEY=OPERATOR_KEY, OTA_CM_PUBLIC_URL="", **more)


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def endpoint(session_folder: Path) -> Iterator[Endpoint]:
    """A partner's endpoint, which refuses some deliveries at first."""
    with running_endpoint(session_folder, refuse_every=7) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def prepared(postgres: EmbeddedPostgres, template: str, session_folder: Path, endpoint: Endpoint) -> Iterator[Prepared]:
    with cloned(postgres, template) as dsn:
        service = Service(session_folder, name="preparing", settings=settings_for(dsn))
        try:
            service.start().ready()
            publish_catalog(service.client())
            partner = new_partner(service, endpoint.url)
            service.terminate()
            assert service.exit_status() == 0
        finally:
            service.clean_up()
        yield Prepared(str(conninfo_to_dict(dsn)["dbname"]), partner)


@pytest.fixture
def shop(postgres: EmbeddedPostgres, prepared: Prepared, endpoint: Endpoint, service: MakeService) -> Iterator[Shop]:
    """A shop whose partner is set up, and nothing sold yet."""
    with cloned(postgres, prepared.name) as dsn:
        shop = Shop(service, endpoint, settings_for(dsn), dsn)
        shop.trades_as(prepared.partner)
        yield shop


@pytest.fixture
def empty_shop(empty_dsn: str, endpoint: Endpoint, service: MakeService) -> Shop:
    """A shop over a database with nothing in it."""
    return Shop(service, endpoint, settings_for(empty_dsn, OTA_CM_MIGRATE="1"), empty_dsn)


@pytest.fixture
def embedded_shop(endpoint: Endpoint, service: MakeService) -> Shop:
    """A shop whose service brings its own database, of which there is nothing yet."""
    return Shop(service, endpoint, {}, None)
