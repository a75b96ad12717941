"""Where real services run: a folder with a short path, for sockets live in it, and services that do not outlive it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.service import Service


@contextmanager
def short_folder(prefix: str) -> Iterator[Path]:
    """The embedded server's user may pass it; gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def making_services(folder: Path) -> Iterator[Callable[..., Service]]:
    """Makes services in the folder (see Service); none of them is left afterwards."""
    made: list[Service] = []

    def make(*arguments: str, **options: object) -> Service:
        made.append(Service(folder, *arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.clean_up()
