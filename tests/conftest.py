"""What every test may use: a real PostgreSQL with the schema in it, and the proof that nothing holds the event loop."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings
from playwright.async_api import Browser
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.kafka.settings import KafkaSettings
from infra.kafka.topic import ensure_topic
from infra.loop_watchdog import LoopWatchdog
from infra.postgres.cluster_processes import ClusterProcesses
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrate import migrate
from infra.postgres.run_as import choose
from infra.postgres.server_settings import binaries
from tests import browser as browsers
from tests.brokers import Broker, broker_in, kafka_settings_of, remove_left, what_is_missing
from tests.databases import cloned
from tests.own_server import OwnServer, running_own_server

# On a machine that others use too, how long an example took says nothing of it.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

_LONGEST_HOLD_SECONDS = 0.1


def pytest_collection_finish() -> None:
    """As the service does at its start: a full collection of all that the tests import would hold a loop for 0.2 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)


def pytest_runtest_logfinish() -> None:
    """What a test leaves grows old here: else it is looked through while a later one's loop waits, which took 0.1 s."""
    gc.collect(1)


# Of a run's servers, shared by its workers. Not pytest's own folder: that one is closed to the user that runs
# PostgreSQL for root, and its path may be too long for a socket.
_RUN_FOLDER = "CHANNEL_MANAGER_TEST_RUN"
_RUN_PREFIX = "cm-tests-"

_KAFKA_FIXTURES = frozenset({"kafka", "kafka_to_kill", "own_broker", "local_broker"})

# Tests need no durability, except those of the life cycle, which start servers of their own.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        for folder in Path(tempfile.gettempdir()).glob(f"{_RUN_PREFIX}*"):
            if not _runs(int(folder.name.removeprefix(_RUN_PREFIX).partition("-")[0])):
                _remove(folder)
        folder = Path(tempfile.mkdtemp(prefix=f"{_RUN_PREFIX}{os.getpid()}-"))
        folder.chmod(0o755)
        os.environ[_RUN_FOLDER] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _remove(Path(os.environ.pop(_RUN_FOLDER)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs Kafka or a browser where there is none; here, and not in a fixture: one line tells of all."""
    if os.environ.get("CI") == "true":
        return
    fixtures = getattr(item, "fixturenames", ())
    if not _KAFKA_FIXTURES.isdisjoint(fixtures) and (missing := what_is_missing()) is not None:
        pytest.skip(missing)
    if "browser" in fixtures and (missing := browsers.what_is_missing()) is not None:
        pytest.skip(missing)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(folder: Path) -> None:
    """Remove a run's folder, and what a run or a worker that was killed left running in it."""
    remove_left(folder)
    for version in (18, 16):
        cluster = folder / str(version) / f"pg{version}"
        if cluster.exists():
            leftover = ClusterProcesses([cluster], binaries(version), choose(cluster))
            while leftover.kill():
                pass
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails an asynchronous test that makes a blocking call on the loop, or holds it for long in any other way."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    request.getfixturevalue("_watched_loop")
    with blockbuster_ctx() as blockbuster:
        # What the time-out plugin prints when a test hangs.
        blockbuster.functions["io.TextIOWrapper.write"].can_block_in(
            "pytest_timeout.py", {"dump_stacks", "timeout_sigalrm"}
        )
        # Playwright looks for its driver when it starts.
        for function in blockbuster.functions.values():
            function.can_block_in("playwright/_impl/transport.py", {"connect"})
        yield


@pytest.fixture
async def _watched_loop() -> AsyncIterator[LoopWatchdog]:
    with LoopWatchdog(threshold=_LONGEST_HOLD_SECONDS) as watchdog:
        yield watchdog
    hold = watchdog.take_worst()
    # Whoever starts a thread waits until that has got a processor: of a busy machine, as the loop's own waits for one.
    if hold.seconds > _LONGEST_HOLD_SECONDS and "self._started.wait()" not in hold.stack:
        pytest.fail(f"the event loop was held for {hold.seconds * 1000:.0f} ms, here:\n{hold.stack}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The server of this run (version 18), shared by its workers; the last one out stops it."""
    with EmbeddedPostgres(Path(os.environ[_RUN_FOLDER]) / "18", 18, settings=FAST) as server:
        yield server


@pytest.fixture(scope="session")
def postgres16() -> Iterator[EmbeddedPostgres]:
    """The same in the oldest version that we support."""
    with EmbeddedPostgres(Path(os.environ[_RUN_FOLDER]) / "16", 16, settings=FAST) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """Name of a database with the whole schema, to clone."""
    return _migrated_template(postgres)


@pytest.fixture(scope="session")
def template16(postgres16: EmbeddedPostgres) -> str:
    """The same on version 16."""
    return _migrated_template(postgres16)


@pytest.fixture
def dsn(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Connection string of a database of the test's own, with the schema in it."""
    with cloned(postgres, template) as dsn:
        yield dsn


@pytest.fixture
def dsn16(postgres16: EmbeddedPostgres, template16: str) -> Iterator[str]:
    """The same on version 16."""
    with cloned(postgres16, template16) as dsn:
        yield dsn


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Connection string of a database of the test's own with nothing in it."""
    with cloned(postgres, "template1") as dsn:
        yield dsn


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A PostgreSQL of the test's own with the schema in it, to be stopped, frozen and killed."""
    with running_own_server() as own:
        yield own


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """The Kafka broker of this run, shared by its workers; not to be killed or stopped. Topics are each test's own."""
    with _running(broker_in(Path(os.environ[_RUN_FOLDER]) / "kafka")) as broker:
        yield broker


@pytest.fixture
def kafka_settings(kafka: Broker) -> KafkaSettings:
    """The shared broker, with a topic and a group of the test's own, neither of them made yet."""
    return kafka_settings_of(kafka)


@pytest.fixture
async def kafka_topic(kafka_settings: KafkaSettings) -> KafkaSettings:
    """The same, the topic made."""
    await ensure_topic(kafka_settings)
    return kafka_settings


@pytest.fixture(scope="session")
def _broker_to_kill() -> Iterator[Broker]:
    with _running(broker_in(Path(os.environ[_RUN_FOLDER]) / f"kafka-{uuid.uuid4().hex}")) as broker:
        yield broker


@pytest.fixture
def kafka_to_kill(_broker_to_kill: Broker) -> Broker:
    """A broker of this worker's own, running, that the test may kill, pause and leave so."""
    if _broker_to_kill.is_alive:
        _broker_to_kill.resume()
    _broker_to_kill.start()
    return _broker_to_kill


@pytest.fixture
def own_broker() -> Iterator[Callable[..., Broker]]:
    """Starts brokers with settings of the test's own: `own_broker({"message.max.bytes": "2000"})`."""
    with ExitStack() as stack:

        def started(settings: Mapping[str, str] | None = None) -> Broker:
            folder = Path(os.environ[_RUN_FOLDER]) / f"kafka-{uuid.uuid4().hex}"
            return stack.enter_context(_running(broker_in(folder, settings)))

        yield started


@pytest.fixture
async def browser(_watched_loop: LoopWatchdog) -> AsyncIterator[Browser]:
    """A headless Chromium, the test's own; tests.browser.visiting opens pages in it."""
    async with browsers.browsing() as running:
        # A process that is started holds the loop until its program, a large one here, is read from the disk.
        _watched_loop.take_worst()
        yield running


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _migrated_template(server: EmbeddedPostgres) -> str:
    """Make the template, once for all workers."""
    name = "migrated"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        # Held by the session; the other workers wait here for the one that makes it.
        connection.execute("SELECT pg_advisory_lock(1)")
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if known is None:
            connection.execute("CREATE DATABASE migrating")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, migrate(make_conninfo(server.dsn, dbname="migrating"))).result()
            connection.execute(sql.SQL("ALTER DATABASE migrating RENAME TO {}").format(sql.Identifier(name)))
    return name
