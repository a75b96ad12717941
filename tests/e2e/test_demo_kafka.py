"""`make demo-kafka`: the walk-through over a real broker and a process a role, as its maker and CI see it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.e2e.test_demo import STEPS, processes_in, start, steps_of, tickets_in, widest

PROGRAM = ("-m", "tests.demo_kafka")

# By the contract, of each order of the story: version, type and status of every message, in the topic's order.
PICKED_UP = ("submitted Submitted", "scheduled Scheduled", "processing Processing")
MESSAGES = (
    *PICKED_UP,
    "issued Issued",
    *PICKED_UP,
    "issued Issued",
    *PICKED_UP,
    "draft Draft",
    *PICKED_UP,
    "draft Draft",
    "confirmed Issued",
    "cancelled Cancelled",
    *PICKED_UP,
    "draft Draft",
    "removed Cancelled",
)
_MESSAGE = re.compile(r"^ {7} *\d+  ota\.cm\.order\.(\w+)\.v1 +(\w+) +partition \d+, offset \d+$", re.MULTILINE)


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a short path, for there are sockets in it."""
    return tmp_path_factory.mktemp("d")


@pytest.mark.usefixtures("kafka")
def test_beside_the_story_stands_what_a_plain_consumer_reads_and_no_process_is_left(temporary: Path) -> None:
    demo = start(temporary, *PROGRAM, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", OTA_CM_PICKUP_SECONDS="3600")
    told, errors = demo.communicate(timeout=90)

    assert (demo.returncode, errors) == (0, "")
    steps = steps_of(told)
    assert all(step.startswith(expected) for step, expected in zip(steps, STEPS, strict=True)), steps
    assert tuple(" ".join(found) for found in _MESSAGE.findall(told)) == MESSAGES
    for role in ("api", "relay", "projector", "issuer", "webhooks"):
        assert re.search(rf"^ {{7}}process \d+ +serve --roles {role}$", told, re.MULTILINE)
    assert widest(told) <= 80
    assert len(tickets_in(temporary)) == 2
    assert processes_in(temporary) == []


@pytest.mark.usefixtures("kafka")
def test_ctrl_c_stops_the_broker_and_every_process(temporary: Path) -> None:
    demo = start(temporary, *PROGRAM)
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


def test_where_there_can_be_no_broker_one_line_says_what_to_install(temporary: Path) -> None:
    demo = start(temporary, *PROGRAM, PATH=str(temporary), JAVA_HOME="")
    told, errors = demo.communicate(timeout=60)

    (line,) = errors.splitlines()
    assert "needs Java 17 or newer and Maven: e.g. apt-get install" in line
    assert (demo.returncode, told) == (2, "")
