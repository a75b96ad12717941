"""What the tests of faults share: a service over a database of the test's own, which nobody revives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.always_open import ALWAYS_OPEN
from tests.e2e.service import OPERATOR_KEY, Service
from tests.integration.api.serving import environment
from tests.own_server import OwnServer, running_own_server


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    with running_own_server(fsync="off") as own:  # no test here cuts the power
        yield own


@pytest.fixture
def service_over(service: Callable[..., Service]) -> Callable[..., Service]:
    """Starts services over a database, as `service_over(dsn, name, roles=...)`; returns them ready."""

    def start(dsn: str, name: str = "service", *, roles: str = "all") -> Service:
        settings = environment(
            dsn,
            OTA_CM_OPERATOR_KEY=OPERATOR_KEY,
            OTA_CM_PUBLIC_URL="",
            OTA_CM_CATALOG=str(ALWAYS_OPEN),
        )
        started = service("--port", "0", "--roles", roles, name=name, settings=settings).start()
        started.ready()
        return started

    return start
