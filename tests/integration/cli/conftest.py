from __future__ import annotations

import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.always_open import ALWAYS_OPEN
from tests.bench.processes import Server
from tests.integration.cli.terminal import Terminal


@pytest.fixture
def terminal(dsn: str) -> Terminal:
    """On a database with the whole schema, as one's own PostgreSQL."""
    return Terminal(own_database(dsn))


@pytest.fixture
def empty_terminal(empty_dsn: str) -> Terminal:
    """On a database with nothing in it."""
    return Terminal(own_database(empty_dsn))


@pytest.fixture
def embedded_terminal() -> Iterator[Terminal]:
    """On the embedded PostgreSQL, in a data folder that is not there yet."""
    folder = Path(tempfile.mkdtemp(prefix="cm-cli-"))
    folder.chmod(0o711)
    yield Terminal({"OTA_CM_DATA_DIR": str(folder / "data")})
    shutil.rmtree(folder)


@pytest.fixture
def service(terminal: Terminal, tmp_path: Path) -> Iterator[Server]:
    """A service that runs on the database of `terminal`."""
    with Server("services", "serve", "--port", "0", log=tmp_path / "service.log", env=terminal.settings) as server:
        yield server


def own_database(dsn: str) -> dict[str, str]:
    # A URL holds the socket's folder in its query: as a host it would need escapes.
    parameters = dict(part.split("=", 1) for part in dsn.split())
    return {
        "DATABASE_URL": f"postgresql:///{parameters['dbname']}?host={parameters['host']}&user={parameters['user']}",
        "OTA_CM_MASTER_KEY": b64encode(bytes(32)).decode(),
        "OTA_CM_OPERATOR_KEY": "operator-key-of-these-tests",
        "OTA_CM_CATALOG": str(ALWAYS_OPEN),
        "OTA_CM_LOG_FORMAT": "json",
    }
