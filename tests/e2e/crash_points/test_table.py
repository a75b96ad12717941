"""Every crash point has a test that dies there, and a row in README."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from infra.crash_points import CrashPoint
from tests.e2e.crash_points import (
    test_commands,
    test_issuance,
    test_read_model,
    test_relay,
    test_starting,
    test_webhooks,
)
from tests.e2e.service import REPOSITORY

_MODULES = (test_commands, test_issuance, test_read_model, test_relay, test_starting, test_webhooks)


def _died_at(module: ModuleType) -> set[CrashPoint]:
    """The points that the module's tests are parametrised with by `at`."""
    marks = [mark for test in vars(module).values() for mark in getattr(test, "pytestmark", ())]
    return {point for mark in marks if mark.args[:1] == ("point",) for point in mark.args[1]}


@pytest.mark.parametrize("point", CrashPoint, ids=str)
def test_every_point_is_died_at(point: CrashPoint) -> None:
    assert any(point in _died_at(module) for module in _MODULES)


def test_readme_tells_of_each_in_their_order() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    _, _, table = readme.partition("### Crash points\n")
    told = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", table.partition("\n#")[0], re.MULTILINE)
    assert told == list(CrashPoint)


@pytest.mark.parametrize("point", CrashPoint, ids=str)
def test_every_point_is_in_the_code_once_or_more(point: CrashPoint) -> None:
    named = f"CrashPoint.{point.name})"
    rooms = ("services", "projections", "infra")
    assert any(named in file.read_text() for room in rooms for file in (REPOSITORY / room).rglob("*.py"))
