"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.e2e.stage import making_services, short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder("e2e-") as made:
        yield made


@pytest.fixture
def service(folder: Path) -> Iterator[Callable[..., Service]]:
    """Makes services in the test's folder (see Service); none of them outlives the test."""
    with making_services(folder) as make:
        yield make
