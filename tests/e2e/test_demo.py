"""`demo` in a pipe, as `make demo` and CI see it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

STEPS = (
    "PostgreSQL made, service started http://127.0.0.1:",
    "GET /admin/catalog 200 Harbour Museum",
    "POST /admin/partners 201 City Breaks",
    "POST /admin/partners/{partnerId}/keys 201 ota_p_...",
    "POST /webhook 201 active",
    "POST /channelManager 201 Submitted",
    "webhook (time since the order was sent) Issued, signature holds",
    "GET /channelManager/{orderId} 200 Issued",
    "POST /channelManager 201 Submitted",
    "webhook (time since the order was sent) Issued, signature holds",
    "GET /channelManager/{orderId} 200 Issued",
    "GET /manifests/{token} 200 5 tickets",
    "GET /manifests/{token}.pdf 200 PDF",
    "POST /channelManager 201 Submitted",
    "webhook (time since the order was sent) Draft, signature holds",
    "GET /channelManager/{orderId} 200 Draft",
    "PUT /channelManager/{orderId} 200 Submitted",
    "webhook (time since the order was sent) Draft, signature holds",
    "GET /channelManager/{orderId} 200 Draft",
    "POST /channelManager/{orderId}/confirm 200 Issued",
    "DELETE /channelManager/{orderId} 200 Cancelled",
    "POST /channelManager 201 Submitted",
    "webhook (time since the order was sent) Draft, signature holds",
    "DELETE /channelManager/{orderId} 200 Cancelled, removed",
    "GET /channelManager/{orderId} 404 resource_not_found",
    "GET /channelManager/orders/{partnerId} 200 3 orders",
    "GET /channelManager/{orderId}/history 200 ",
)
_TIMED = re.compile(r"^ {5}(?P<told>\S.*?) +[\d,]+\.\d ms$")


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the walk-through makes its folder: of a short path, for there is a socket in it."""
    return tmp_path_factory.mktemp("d")


def start(temporary: Path, *program: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(program or ("-m", "services", "demo"))],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(temporary), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_walk_through_shows_every_step_with_its_time_and_leaves_the_tickets(temporary: Path) -> None:
    # The settings of a service are none of its business.
    demo = start(temporary, DATABASE_URL="postgresql://127.0.0.1:1/nowhere", OTA_CM_PICKUP_SECONDS="3600")
    told, errors = demo.communicate(timeout=90)

    assert (demo.returncode, errors) == (0, "")
    steps = steps_of(told)
    assert len(steps) == len(STEPS)
    assert all(step.startswith(expected) for step, expected in zip(steps, STEPS, strict=True)), steps
    assert f"All {len(STEPS)} steps went as expected" in told
    assert widest(told) <= 80
    page, pdf = tickets_in(temporary)
    assert page.read_text().count("<svg") == 5
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert f"kept: {page}" in told
    assert f"kept: {pdf}" in told


def test_a_program_is_given_the_steps_and_the_tickets_where_it_wants_them(temporary: Path) -> None:
    wanted = temporary / "new" / "here"
    demo = start(temporary, "-m", "services", "demo", "--json", "--save", str(wanted))
    output, story = demo.communicate(timeout=90)

    assert demo.returncode == 0, story
    told = json.loads(output)
    assert [f"{step['request']} {step['came']}" for step in told["steps"]] == steps_of(story)
    assert len(told["steps"]) == len(STEPS)
    assert {step["chapter"] for step in told["steps"]} > {"The museum opens its shop"}
    assert 0 < sum(step["milliseconds"] for step in told["steps"]) / 1000 <= told["seconds"]
    assert sorted(file.name for file in wanted.iterdir()) == ["tickets.html", "tickets.pdf"]
    assert list(temporary.iterdir()) == [temporary / "new"]


def test_ctrl_c_stops_everything_and_leaves_nothing(temporary: Path) -> None:
    demo = start(temporary)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "POST /webhook" in line:
            break
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=60)

    assert errors == "channel-manager: stopped by SIGINT; everything is stopped and removed\n"
    assert demo.returncode == 128 + signal.SIGINT
    assert list(temporary.iterdir()) == []
    assert processes_in(temporary) == []


def test_a_signal_while_the_database_starts_leaves_no_server_behind(temporary: Path) -> None:
    demo = start(temporary)
    deadline = time.monotonic() + 60
    while not list(temporary.glob("ota-demo-*/data/start.lock")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    demo.send_signal(signal.SIGTERM)
    _, errors = demo.communicate(timeout=60)

    assert demo.returncode == 128 + signal.SIGTERM, errors
    assert list(temporary.iterdir()) == []
    assert processes_in(temporary) == []


def test_a_start_that_fails_is_told_in_one_line(temporary: Path) -> None:
    too_long = temporary / ("long" * 25)
    too_long.mkdir()
    demo = start(too_long)
    _, errors = demo.communicate(timeout=60)

    (line,) = errors.splitlines()
    assert "too long for PostgreSQL's socket" in line
    assert demo.returncode == 2
    assert list(too_long.iterdir()) == []


def test_a_surprise_is_told_and_the_log_is_kept(temporary: Path) -> None:
    another_story = "import services.demo.story as s; s._WAY = ['never']; from services.cli import main; main(['demo'])"
    demo = start(temporary, "-c", another_story)
    _, errors = demo.communicate(timeout=90)

    assert re.search(
        r"^channel-manager: the events of the order: expected \['never'\], but got \['submitted', ", errors
    )
    assert demo.returncode == 1
    (log,) = temporary.glob("*.log")
    assert str(log) in errors
    assert '"demo_failed"' in log.read_text()


def steps_of(told: str) -> list[str]:
    """What was sent and what came, of each step, without its time."""
    return [" ".join(found["told"].split()) for line in told.splitlines() if (found := _TIMED.match(line))]


def widest(told: str) -> int:
    """Of the lines; those that say where something was kept are as long as that place's name."""
    return max(len(line) for line in told.splitlines() if not line.lstrip().startswith("kept: "))


def tickets_in(temporary: Path) -> list[Path]:
    """What the guest kept, and that nothing else is there."""
    (folder,) = temporary.iterdir()
    assert folder.name.startswith("ota-demo-tickets-")
    return sorted(folder.iterdir())


def processes_in(folder: Path) -> list[str]:
    """Who has something of the folder on its command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:  # ended meanwhile
            continue
        if os.fsencode(folder) in command:
            found.append(command.decode(errors="replace"))
    return found
