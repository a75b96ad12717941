"""What the end-to-end tests share: a folder with a short path, for sockets live in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="e2e-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def service(folder: Path) -> Iterator[Callable[..., Service]]:
    """Makes services in the test's folder (see Service); none of them outlives the test."""
    made: list[Service] = []

    def make(*arguments: str, **options: object) -> Service:
        made.append(Service(folder, *arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.clean_up()
