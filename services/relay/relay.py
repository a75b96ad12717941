"""The relay: the log's public events in the order of the log, page by page, each acknowledged before the next is read.

The place in the log is stored after a page was acknowledged, so that whatever dies, a page is sent again rather than
left out. Nothing is passed over: a message sent later than its successors would be dropped by its consumers, who ignore
a `ce_sequence` that is not above the highest one they have seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import structlog

from infra.crash_points import CrashPoint, reached
from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.postgres.connections import Connection, translated_faults, within
from infra.postgres.errors import DatabaseUnavailable, PositionMoved
from infra.postgres.positions import advance_unhurried, load_halted, load_position, set_halted
from services.relay.integration_events import NotMappable, public_message
from services.relay.outage import Outage

if TYPE_CHECKING:
    from infra.kafka.producer import Message
    from infra.postgres.connections import Pool
    from services.relay.figures import RelayFigures
    from services.relay.public_log import Page, PublicLog

CONSUMER: Final = "relay"
PAGE: Final = 1_000

_STATEMENT_SECONDS: Final = 5.0
_STORE_SECONDS: Final = 1.0
_MAPPED_AT_ONCE: Final = 100

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds. `publish`: for a page to be acknowledged. `waits`: after faults that pass, the last one repeated.

    `halted`: between attempts while Kafka refuses. `apart`: pages begin so far apart, so that under load each holds
    more; an event that comes after a quiet moment does not wait.
    """

    publish: float = 10.0
    waits: Sequence[float] = (0.1, 0.2, 0.5, 1.0)
    store: float = 0.5
    halted: float = 5.0
    apart: float = 0.005


class Publishes(Protocol):
    """As TopicProducer does it."""

    async def publish(self, page: Sequence[Message], seconds: float) -> None: ...


class Relay:
    """For the one process that holds the lease on it.

    prepare: makes or checks the topic; tried until it succeeds, once. held: whether the lease is still ours. epoch: how
    often the service was restored from a backup, and one. venue_id: of the catalog, for events that name none.
    """

    def __init__(
        self,
        *,
        log: PublicLog,
        producer: Publishes,
        pool: Pool,
        prepare: Callable[[], Awaitable[object]],
        held: Callable[[], bool],
        figures: RelayFigures,
        epoch: int,
        venue_id: Callable[[], Awaitable[UUID | None]],
        pace: Pace | None = None,
    ) -> None:
        self._read = log
        self._producer = producer
        self._pool = pool
        self._prepare: Callable[[], Awaitable[object]] | None = prepare
        self._held = held
        self._figures = figures
        self._epoch = epoch
        self._venue_id = venue_id
        self._pace = pace or Pace()
        self._seen: int | None = None
        self._stored = 0
        self._stored_at = float("-inf")
        self._halted: str | None = None
        self._ending = False
        self._outage = Outage()
        self._page = asyncio.Lock()

    async def run(self, woken: asyncio.Event) -> None:
        """Relay as the log grows, until `finish` or the end of the lease. `woken`: set when something was stored."""
        self._seen = None  # another process may have been at it since
        self._outage = Outage()
        reached(CrashPoint.RELAY_LEASED)
        self._figures.active = True
        try:
            await self._relay(woken)
        finally:
            self._figures.active = False

    async def finish(self, seconds: float) -> None:
        """Begin no more page; returns when the one under way is stored, after `seconds` at most."""
        self._ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._page:
                pass

    async def _relay(self, woken: asyncio.Event) -> None:
        faults = 0
        while not self._ending and self._held():
            woken.clear()
            began = time.monotonic()
            try:
                positions = await self._one_page()
            except (DatabaseUnavailable, PositionMoved) as error:
                _log.warning("relay_waits_for_store", error=str(error))
                self._seen = None
                await asyncio.sleep(self._pace.store)
                continue
            except KafkaUnavailable as error:
                self._figures.failed("unavailable")
                self._outage.failed(str(error))
                await asyncio.sleep(self._pace.waits[min(faults, len(self._pace.waits) - 1)])
                faults += 1
                continue
            except KafkaRefused as refused:
                await self._halt(refused.reason, str(refused))
                continue
            except NotMappable as unknown:
                await self._halt("not_mappable", str(unknown))
                continue
            faults = 0
            if self._held():  # else nothing was sent
                self._outage.over()
            if positions < PAGE:
                # A page that is not full ends the log: whoever stores more after it was read wakes us.
                await woken.wait()
                await asyncio.sleep(max(0.0, began + self._pace.apart - time.monotonic()))

    async def _one_page(self) -> int:
        """Relay the next page; answers how many positions it holds."""
        async with self._page:
            if self._prepare is not None:
                await self._prepare()
                self._prepare = None
            if self._seen is None:
                await self._load()
                assert self._seen is not None  # noqa: S101 - loaded
            page = await self._read.page(self._seen, PAGE)
            if page.events:
                reached(CrashPoint.RELAY_PAGE_READ)
                if not await self._publish(page):
                    return page.positions
                reached(CrashPoint.RELAY_PAGE_SENT)
            await self._store(page)
            return page.positions

    async def _publish(self, page: Page) -> bool:
        """Whether the page was sent: not where the lease is over, as it is for a process that was stopped meanwhile."""
        began = time.perf_counter()
        venue_id = await self._venue_id()
        messages: list[Message] = []
        for some in range(0, len(page.events), _MAPPED_AT_ONCE):
            events = page.events[some : some + _MAPPED_AT_ONCE]
            messages += [public_message(event, self._epoch, venue_id) for event in events]
            await asyncio.sleep(0)  # a whole page would hold the loop for tens of milliseconds
        if not self._held():
            return False
        await self._producer.publish(messages, self._pace.publish)
        self._figures.messages += len(messages)
        self._figures.page_seconds.observe(time.perf_counter() - began)
        return True

    async def _load(self) -> None:
        with translated_faults():
            async with self._pool.connection() as connection:
                self._stored, self._halted = await within(connection, _load(connection), _STATEMENT_SECONDS)
        self._seen = self._stored

    async def _store(self, page: Page) -> None:
        """Where something was sent, and each second: then repeats are few, and idle positions cost little."""
        self._seen = page.through
        due = page.events or time.monotonic() - self._stored_at >= _STORE_SECONDS
        if self._halted is not None:
            await self._go_on()
        if page.through == self._stored or not due:
            return
        with translated_faults():
            async with self._pool.connection() as connection:
                # Lost in a crash of the server, it only has a page sent again.
                moved = advance_unhurried(connection, CONSUMER, self._stored, page.through)
                await within(connection, moved, _STATEMENT_SECONDS)
        self._stored, self._stored_at = page.through, time.monotonic()

    async def _halt(self, reason: str, why: str) -> None:
        """Tell operators, and wait before the next attempt."""
        self._figures.failed(reason)
        if why != self._halted:
            _log.error("relay_halted", reason=reason, error=why)
            try:
                await self._tell(why)
            except DatabaseUnavailable as error:
                _log.warning("relay_waits_for_store", error=str(error))
        await asyncio.sleep(self._pace.halted)

    async def _go_on(self) -> None:
        await self._tell(None)
        _log.info("relay_goes_on")

    async def _tell(self, halted: str | None) -> None:
        with translated_faults():
            async with self._pool.connection() as connection:
                await within(connection, set_halted(connection, CONSUMER, halted), _STATEMENT_SECONDS)
        self._halted = halted


async def _load(connection: Connection) -> tuple[int, str | None]:
    return await load_position(connection, CONSUMER), await load_halted(connection, CONSUMER)
