"""What a log line must never show, and a log that cannot be written."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
import structlog

from infra.logs import LogFormat, configure


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging_as_it_was")
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variables(form: LogFormat) -> None:
    """They may hold a guest's name."""
    name = " ".join(("Zacharias", "Quibbleton"))  # not in the source, which a traceback shows
    lines = io.StringIO()
    configure("info", form, lines)

    def greet(guest: str) -> None:
        raise LookupError(len(guest))

    try:
        greet(name)
    except LookupError:
        structlog.get_logger().exception("greeting_failed")
    shown = lines.getvalue()
    assert "greeting_failed" in shown
    assert "LookupError" in shown
    assert name not in shown


@pytest.mark.usefixtures("_logging_as_it_was")
def test_a_log_without_room_loses_its_lines_and_nothing_else() -> None:
    full = open("/dev/full", "w")  # noqa: SIM115 - closing it, it tries once more, which is this file's own error
    try:
        configure("info", "json", full)
        structlog.get_logger().info("lost")
        structlog.get_logger().info("lost too")
    finally:
        with suppress(OSError):
            full.close()
