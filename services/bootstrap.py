"""The one place that wires: from settings to what every role works with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from infra.crash_points import arm
from infra.event_store.group_commit import SERVER_DEADLINE_SECONDS, GroupCommit
from infra.event_store.mapper import EventMapper
from infra.event_store.recorder import Recorder
from infra.postgres.connections import Connection, connect, open_pool
from infra.postgres.disk_room import DiskRoom
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import MigrationError
from infra.postgres.listen import LogListener
from infra.postgres.migrate import migrate, pending
from infra.postgres.reads import READ_SETTINGS, Reads
from infra.postgres.supervise import supervise
from projections.directory import Directory
from projections.orders import OrdersInFlight
from services.api.request_figures import RequestFigures
from services.feeds import kafka_standing
from services.issuer.catalog_issuer import CatalogIssuer
from services.ordering.ordering import Ordering
from services.ordering.orders import Orders
from services.secrets import Secrets, load_secrets
from services.setup.streams import SetupStreams
from services.status import StatusReport
from services.tasks import Tasks
from services.telemetry import Telemetry, telemetry
from services.tracing import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.issuance.issuer import TicketIssuer
    from infra.postgres.connections import Pool
    from infra.telemetry.traces import Traces
    from services.settings import Settings

POOL_MIN, POOL_MAX = 2, 16

EPOCH = 1
"""How often the service was restored from a backup, and one: after a restore, versions and positions recur."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Store:
    """The event store, ready to be read and written: what a command needs, and what a platform begins with."""

    settings: Settings
    dsn: str
    pool: Pool
    reads: Reads
    group_commit: GroupCommit
    recorder: Recorder
    mapper: EventMapper

    def connect(self, purpose: str, *, transaction_timeout: float | None = 4.0) -> Callable[[], Awaitable[Connection]]:
        """Opens connections of their own for a role."""
        return partial(
            connect,
            self.dsn,
            application_name=f"channel-manager {purpose}",
            for_writing=True,
            transaction_timeout=transaction_timeout,
        )


@dataclass(frozen=True, slots=True)
class Platform(Store):
    """What the roles of one process share.

    `owner` names this start of this process, in leases and attempts. `epoch`: in the ids of what goes out. `traces`:
    None where they are off.
    """

    secrets: Secrets
    owner: str
    epoch: int
    listener: LogListener
    tasks: Tasks
    directory: Directory
    orders: Orders
    ordering: Ordering
    in_flight: OrdersInFlight
    status: StatusReport
    telemetry: Telemetry
    requests: RequestFigures
    setup: SetupStreams
    issuer: TicketIssuer
    traces: Traces | None


class Database(NamedTuple):
    """`has_room`: whether the embedded server's disk has room for what commands save; of your own, you take care."""

    dsn: str
    has_room: Callable[[], bool] = lambda: True


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database: the settings' own, or the embedded one, started and kept alive while used.

    The first thing that a process does with its settings. Raises EmbeddedPostgresError.
    """
    arm(settings.crash_at)
    if settings.database_url is not None:
        yield Database(settings.database_url)
        return
    postgres, room = EmbeddedPostgres(settings.data_dir), DiskRoom(settings.data_dir)
    keeping: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(room.give_up_if_short)
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(room.look)
        keeping = asyncio.create_task(supervise(postgres, room))
        yield Database(postgres.dsn, lambda: room.enough)
    finally:
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        # After a start that was cancelled too: its thread goes on, and would leave a server that nobody stops.
        await asyncio.to_thread(postgres.stop)


@asynccontextmanager
async def store(settings: Settings, *, migrates: bool, pool_min: int = 1, pool_max: int = 2) -> AsyncIterator[Store]:
    """The event store, with its schema up to date. `migrates`: brought there; else one that is not is refused.

    Raises EmbeddedPostgresError, DatabaseUnavailable, UnsupportedServer, MigrationError.
    """
    async with AsyncExitStack() as stack:
        dsn, has_room = await stack.enter_async_context(database(settings))
        if migrates:
            await migrate(dsn)
        elif missing := await pending(dsn):
            raise MigrationError(f"the schema is behind: `channel-manager migrate` applies {', '.join(missing)}")
        pool = await open_pool(
            dsn, application_name="channel-manager", min_size=pool_min, max_size=pool_max, settings=READ_SETTINGS
        )
        stack.push_async_callback(pool.close)
        reads = Reads(pool)
        group_commit = GroupCommit(
            partial(
                connect,
                dsn,
                application_name="channel-manager writer",
                for_writing=True,
                transaction_timeout=SERVER_DEADLINE_SECONDS,
            ),
            has_room=has_room,
        )
        await group_commit.start()
        stack.push_async_callback(group_commit.stop)
        recorder = Recorder(reads, group_commit)
        yield Store(settings, dsn, pool, reads, group_commit, recorder, EventMapper())


@asynccontextmanager
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """Everything that the roles share, started; stopped in the opposite order.

    Raises EmbeddedPostgresError, DatabaseUnavailable, UnsupportedServer, MigrationError, SettingError.
    """
    async with AsyncExitStack() as stack:
        traces = await stack.enter_async_context(tracing(settings))
        opened = await stack.enter_async_context(
            store(settings, migrates=settings.migrate, pool_min=POOL_MIN, pool_max=POOL_MAX)
        )
        recorder, mapper, group_commit = opened.recorder, opened.mapper, opened.group_commit
        secrets = await asyncio.to_thread(load_secrets, settings)
        listener = await stack.enter_async_context(LogListener(opened.dsn))
        tasks = Tasks()
        stack.push_async_callback(tasks.end)
        directory = Directory(recorder, mapper)
        await directory.refresh()
        _ = tasks.run("directory", partial(directory.follow, listener.subscribe("setup")))
        orders = Orders(recorder, mapper, secrets.key_ring)
        in_flight = OrdersInFlight(opened.reads, pickup=timedelta(seconds=settings.pickup_seconds))
        status = StatusReport(opened.reads, in_flight, directory, now=now, kafka=kafka_standing(settings))
        shown = await stack.enter_async_context(telemetry(settings, opened.reads, group_commit, status))
        requests = RequestFigures()
        shown.show(requests.families)
        yield Platform(
            settings=settings,
            dsn=opened.dsn,
            pool=opened.pool,
            reads=opened.reads,
            group_commit=group_commit,
            recorder=recorder,
            mapper=mapper,
            secrets=secrets,
            owner=f"{settings.instance}:{os.getpid()}:{uuid4().hex[:12]}",
            epoch=EPOCH,
            listener=listener,
            tasks=tasks,
            directory=directory,
            orders=orders,
            ordering=Ordering(orders, group_commit),
            in_flight=in_flight,
            status=status,
            telemetry=shown,
            requests=requests,
            setup=SetupStreams(recorder, mapper, secrets.key_ring, group_commit, directory),
            issuer=CatalogIssuer(directory, secrets.issuance, max_wallets=settings.max_wallets),
            traces=traces,
        )
