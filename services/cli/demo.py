"""`demo`: the life of an order, told step by step."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog
from aiohttp import ClientSession

from domain.api_key import KEY_RANDOM_BYTES, key_text
from infra.logs import configure
from services.cli.output import say_json, screen
from services.cli.running import CANNOT_START, fail, run
from services.demo.endpoint import Endpoint
from services.demo.guest import Guest
from services.demo.narrator import Narrator
from services.demo.opening import open_shop
from services.demo.stage import one_process, process_a_role
from services.demo.story import Story
from services.demo.surprise import Surprise
from services.settings import SettingError, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

_STARTED = "PostgreSQL made, service started"

_INTRODUCTION = (
    "A museum lets travel agents sell its tickets. An agent sends an order in one call; the service answers at once, "
    "makes the tickets in the background, and calls the agent back (a webhook) when they are ready. What follows is "
    "real: a PostgreSQL in a temporary folder, the service, and an agent that speaks to it over HTTP, all on this "
    "machine. Nothing of it is kept but the tickets, as a guest would keep them."
)
_ON_KAFKA = (
    "Here each role of the service is a process of its own. They share the database; what has happened goes over Kafka "
    "to the issuer, and to whoever else wants to know. One such is a plain consumer, a process that knows nothing of "
    "the service: what it reads of each order is shown beside the story."
)
_REMOVED_SECONDS, _AGAIN_SECONDS = 5.0, 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger()


class _Stopped(Exception):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; everything is stopped and removed")
        self.status = 128 + number


@click.command()
@click.option("--kafka", metavar="HOST:PORT", help="a process a role over this Kafka, with a topic of their own.")
@click.option(
    "--save",
    "tickets",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="where tickets are kept as page and PDF, in place of a new temporary folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the steps with their times; the story goes to stderr.")
def command(kafka: str | None, tickets: Path | None, *, as_json: bool) -> None:
    """Walk through the life of an order, on a service and a database of its own. Needs nothing, keeps some tickets."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail
    began = time.perf_counter()
    narrator = Narrator(screen(stderr=as_json))
    try:
        with _folder() as folder:
            _tell(narrator, folder, kafka, tickets)
    except _Stopped as stopped:
        fail(str(stopped), stopped.status)
    if folder.exists():
        fail(f"{folder} could not be removed")
    seconds = time.perf_counter() - began
    narrator.close(
        f"All {len(narrator.steps)} steps went as expected, in {seconds:.1f} s. Everything is stopped and removed."
    )
    if as_json:
        say_json({"steps": [step._asdict() for step in narrator.steps], "seconds": round(seconds, 1)})


def _tell(narrator: Narrator, folder: Path, kafka: str | None, tickets: Path | None) -> None:
    environment = _environment(folder, kafka)
    settings = _settings(environment)
    with (folder / "service.log").open("w") as logs:
        configure(settings.log_level, settings.log_format, logs)
        try:
            run(partial(_until_stopped, partial(_story, narrator, settings, environment, folder, tickets)))
        except _Stopped:
            raise
        except Exception as error:
            log.exception("demo_failed")
            told = str(error) if isinstance(error, Surprise) else f"{type(error).__name__}: {error}"
            fail(f"{told}. The service's log is kept: {_kept(folder)}")


async def _until_stopped(story: Callable[[], Awaitable[None]]) -> None:
    """Tell the story; whatever ends it, the service and its database have stopped when this returns.

    The first signal ends it; a later one is ignored, so that it cannot leave a server behind.
    """
    received: list[int] = []
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this runs in one
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if not received:
            task.cancel()
        received.append(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await story()
    except (asyncio.CancelledError, Exception) as ended:
        if received:
            raise _Stopped(received[0]) from ended
        raise
    if received:
        raise _Stopped(received[0])


async def _story(
    narrator: Narrator, settings: Settings, environment: Mapping[str, str], folder: Path, tickets: Path | None
) -> None:
    assert settings.operator_key is not None  # noqa: S101 - given below
    narrator.title("The life of an order", _INTRODUCTION if settings.kafka is None else f"{_INTRODUCTION} {_ON_KAFKA}")
    narrator.chapter("The museum opens its shop")
    began = time.perf_counter()
    staged = one_process(settings) if settings.kafka is None else process_a_role(settings, environment, folder)
    async with Endpoint() as endpoint, staged as stage, ClientSession() as session:
        narrator.step(_STARTED, stage.url, (time.perf_counter() - began) * 1000)
        if settings.kafka is not None:
            narrator.show((f"process {pid}", f"serve --roles {role}") for role, pid in stage.processes)
        opened = await open_shop(narrator, session, stage.url, settings.operator_key, endpoint)
        story = Story(narrator, opened, endpoint, Guest(session, tickets), stage.topic)
        await story.tell()
        narrator.chapter("How long it took")
        narrator.durations(story.measured)


def _settings(environment: Mapping[str, str]) -> Settings:
    try:
        return read_settings(environment)
    except SettingError as error:
        fail(str(error), CANNOT_START)


def _environment(folder: Path, kafka: str | None) -> dict[str, str]:
    """Of the walk-through alone: what the environment says is for the service proper."""
    environment = {
        "OTA_CM_DATA_DIR": str(folder / "data"),
        "OTA_CM_PORT": "0",
        "OTA_CM_OPERATOR_KEY": key_text("operator", os.urandom(KEY_RANDOM_BYTES)),
        "OTA_CM_WEBHOOK_ALLOW_HTTP": "true",
        "OTA_CM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "OTA_CM_LOG_FORMAT": "json",
    }
    if kafka is not None:
        name = f"ota-cm.demo.{os.urandom(4).hex()}"
        environment |= {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "OTA_CM_KAFKA_TOPIC": name,
            "OTA_CM_KAFKA_GROUP": name,
        }
    return environment


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of our own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ota-demo-"))
    try:
        # The data folder in it is closed; started by root, PostgreSQL runs as another user, who must get there.
        folder.chmod(0o711)
        yield folder
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        _remove(folder)


def _remove(folder: Path) -> None:
    """Tried again for a moment: a server that is just ending may still write into it."""
    until = time.monotonic() + _REMOVED_SECONDS
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_AGAIN_SECONDS)


def _kept(folder: Path) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="ota-demo-", suffix=".log")
    with open(descriptor, "wb") as kept:
        for log_file in sorted(folder.glob("*.log")):
            kept.write(log_file.read_bytes())
    return Path(name)
