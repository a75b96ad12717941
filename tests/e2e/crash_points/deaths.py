"""That a process died by SIGKILL, and exactly there."""

from __future__ import annotations

import json
import signal

import pytest

from infra.crash_points import CrashPoint
from tests.e2e.service import Service

DEATH_SECONDS = 60.0


def at(*points: CrashPoint) -> pytest.MarkDecorator:
    """Marks a test as the one of these crash points; it is told which."""
    return pytest.mark.parametrize("point", points, ids=str)


def dies(service: Service, point: CrashPoint) -> None:
    """Wait for its death: by SIGKILL, and there."""
    status = service.exit_status(DEATH_SECONDS)
    assert status == -signal.SIGKILL, f"{status}\n{service.output()[-4000:]}"
    said = service.output().splitlines()[-1]
    assert json.loads(said) == {"event": "crash_point_reached", "point": point}, service.output()[-4000:]
