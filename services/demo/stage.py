"""The service in the walk-through: one process with everything in it, or a process a role over Kafka."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from services.bootstrap import database
from services.demo.topic import Topic, consumed, remove_topics
from services.process import running
from services.settings import ROLES

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from services.settings import Settings

_READY: Final = re.compile(r"^channel-manager is ready(?: at (http://\S+))? \(", re.MULTILINE)
_READY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 12.0

# What the environment says is for the service proper.
_NOT_OURS: Final = re.compile("OTA_CM_|OTEL_|KAFKA_|DATABASE_URL$")


class Stage(NamedTuple):
    """`processes`: of each its roles and its id. `topic`: None without Kafka."""

    url: str
    processes: Sequence[tuple[str, int]]
    topic: Topic | None


class ProcessEnded(Exception):
    """A process of the service ended, or did not get ready; the message says what it said last."""


@asynccontextmanager
async def one_process(settings: Settings) -> AsyncIterator[Stage]:
    """All roles in this process."""
    async with running(settings) as url:
        assert url is not None  # noqa: S101 - there is a port
        yield Stage(url, [("all", os.getpid())], None)


@asynccontextmanager
async def process_a_role(settings: Settings, environment: Mapping[str, str], logs: Path) -> AsyncIterator[Stage]:
    """Each role in a process of its own, over one database and Kafka; and somebody who reads the topic.

    `environment`: what `settings` were read from. `logs`: a folder. Raises ProcessEnded, EmbeddedPostgresError.
    """
    assert settings.kafka is not None  # noqa: S101 - the caller has set it
    inherited = {name: value for name, value in os.environ.items() if not _NOT_OURS.match(name)}
    async with AsyncExitStack() as stack:
        # Ours too: whatever becomes of the processes, we are the last to leave, and stop it.
        await stack.enter_async_context(database(settings))
        stack.push_async_callback(remove_topics, settings.kafka)
        started: dict[str, Process] = {}
        stack.push_async_callback(_stop, started)
        for role in ROLES:
            with (logs / f"{role}.log").open("wb") as log:
                started[role] = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "services", "serve", "--roles", role),
                    *(("--port", "0") if role == "api" else ()),
                    env={**inherited, **environment},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is the walk-through's: it ends all of it in order
                )
        addresses = {role: await _ready(role, process, logs / f"{role}.log") for role, process in started.items()}
        topic = await stack.enter_async_context(consumed(settings.kafka, logs / "consumer.log"))
        yield Stage(addresses["api"], [(role, process.pid) for role, process in started.items()], topic)


async def _ready(role: str, process: Process, log: Path) -> str:
    """Wait until it says so; its address, "" where it has none."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while (said := _READY.search(_text(log))) is None:
                if process.returncode is not None:
                    raise ProcessEnded(f"the process with the role {role} ended: {_text(log)[-2000:]}")
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise ProcessEnded(f"the process with the role {role} did not get ready: {_text(log)[-2000:]}") from None
    return said[1] or ""


def _text(log: Path) -> str:
    return log.read_text(errors="replace")


async def _stop(started: Mapping[str, Process]) -> None:
    """The api first: what it took is then still settled."""
    api = [process for role, process in started.items() if role == "api"]
    others = [process for role, process in started.items() if role != "api"]
    for together in (api, others):
        for process in together:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for process in together:
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
