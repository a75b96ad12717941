"""From the log to the queue: rows and the place in the log in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest

from infra.postgres.connections import Connection, Pool
from infra.postgres.errors import DatabaseUnavailable
from infra.postgres.positions import load_position
from projections.directory import Subscribed
from projections.webhook_deliveries import LeasedDelivery, take_due
from services.webhooks.publisher import CONSUMER, Page, Publisher, Settled, delivery_id
from tests.integration.webhooks.queue import row, statuses
from tests.unit.webhooks.settled import PARTNER, settled, subscribed

OWNER = "me"


@dataclass
class Log:
    """Something at some positions of a log, and subscriptions as the directory has them."""

    head: int = 0
    settled: dict[int, Settled] = field(default_factory=dict)
    ended: dict[int, UUID] = field(default_factory=dict)
    set_up: int = 0
    subscriptions: list[Subscribed] = field(default_factory=lambda: [subscribed(1)])
    caught_up: list[int] = field(default_factory=list)
    handed_over: list[LeasedDelivery] = field(default_factory=list)
    now: float = 0.0

    def settle(self, *positions: int) -> None:
        for position in positions:
            self.settled[position] = settled(position, order_id=UUID(int=position))
            self.head = max(self.head, position)

    async def read_page(self, after: int, limit: int) -> Page:
        through = min(self.head, after + limit)
        return Page(
            through,
            [event for position, event in sorted(self.settled.items()) if after < position <= through],
            [ended for position, ended in sorted(self.ended.items()) if after < position <= through],
            self.set_up if after < self.set_up <= through else 0,
        )

    async def has_caught_up(self, position: int) -> None:
        self.caught_up.append(position)

    def of_partner(self, partner_id: UUID) -> Iterable[Subscribed]:
        assert partner_id == PARTNER
        return self.subscriptions

    def id_of(self, position: int, number: int = 1) -> UUID:
        return delivery_id(UUID(int=number), 1, self.settled[position])


@dataclass
class LosesTheAnswer:
    """Connections of which one breaks after its work was committed, before that was heard of."""

    pool: Pool
    lose: bool = False

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        return self._connection()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as conn:
            yield conn
        if self.lose:
            self.lose = False
            raise psycopg.OperationalError("the answer was lost")


@pytest.fixture
def log() -> Log:
    return Log()


def publisher(log: Log, pool: Pool, connections: LosesTheAnswer | None = None) -> Publisher:
    return Publisher(
        read_page=log.read_page,
        subscriptions=log.of_partner,
        caught_up=log.has_caught_up,
        connections=connections.connection if connections is not None else pool.connection,
        offer=log.handed_over.extend,
        owner=OWNER,
        lease_seconds=60,
        epoch=1,
        clock=lambda: log.now,
    )


async def stored_position(conn: Connection) -> int:
    return await load_position(conn, CONSUMER)


async def test_a_page_becomes_rows_that_the_sender_is_handed(log: Log, pool: Pool, conn: Connection) -> None:
    log.settle(3, 5)
    log.head = 6
    assert await publisher(log, pool).run_page() == 6
    assert [delivery.id for delivery in log.handed_over] == [log.id_of(3), log.id_of(5)]
    assert await statuses(conn) == {"pending": 2}
    assert (await row(conn, log.id_of(3))).lease_owner == OWNER
    assert await stored_position(conn) == 6


async def test_the_directory_has_caught_up_with_what_was_set_up_before_a_page_is_worked_on(
    log: Log, pool: Pool
) -> None:
    log.settle(3)
    log.set_up = 2
    working = publisher(log, pool)
    await working.run_page()
    assert log.caught_up == [2]
    log.settle(4)
    await working.run_page()
    assert log.caught_up == [2], "nothing was set up since: the directory need not be asked"


async def test_page_after_page_until_the_log_ends(log: Log, pool: Pool) -> None:
    log.settle(*range(1, 26))
    working = publisher(log, pool)
    assert [await working.run_page(10) for _ in range(4)] == [10, 10, 5, 0]
    assert len(log.handed_over) == 25


async def test_a_second_publisher_doubles_nothing(log: Log, pool: Pool, conn: Connection) -> None:
    first, second = publisher(log, pool), publisher(log, pool)
    assert [await first.run_page(), await second.run_page()] == [0, 0]
    log.settle(1, 2)
    assert await first.run_page() == 2
    assert await second.run_page() == 0
    assert len(log.handed_over) == 2
    log.settle(3)
    assert await second.run_page() == 1
    assert await first.run_page() == 0
    assert [delivery.id for delivery in log.handed_over] == [log.id_of(position) for position in (1, 2, 3)]
    assert await statuses(conn) == {"pending": 3}


async def test_what_is_there_already_is_not_sent_again(log: Log, pool: Pool, conn: Connection) -> None:
    log.settle(1)
    await publisher(log, pool).run_page()
    await conn.execute("update consumer_positions set position = 0")
    assert await publisher(log, pool).run_page() == 1
    assert len(log.handed_over) == 1
    assert await statuses(conn) == {"pending": 1}


async def test_where_the_answer_to_the_commit_was_lost_the_rows_fall_due_at_once(
    log: Log, pool: Pool, conn: Connection
) -> None:
    connections = LosesTheAnswer(pool)
    working = publisher(log, pool, connections)
    await working.run_page()
    log.settle(1)
    connections.lose = True
    with pytest.raises(DatabaseUnavailable):
        await working.run_page()
    assert log.handed_over == []
    assert await take_due(conn, "other", lease_seconds=60, limit=10, each=10) == []
    log.settle(2)
    assert await working.run_page() == 1
    assert [delivery.id for delivery in log.handed_over] == [log.id_of(2)]
    taken = await take_due(conn, "other", lease_seconds=60, limit=10, each=10)
    assert [delivery.id for delivery in taken] == [log.id_of(1)]


async def test_nothing_is_queued_where_the_place_cannot_be_stored(log: Log, pool: Pool, conn: Connection) -> None:
    working = publisher(log, pool)
    await working.run_page()
    log.settle(1)
    await conn.execute("update consumer_positions set position = 7")
    assert await working.run_page() == 0
    assert await statuses(conn) == {}
    assert log.handed_over == []


async def test_what_a_server_forgot_that_crashed_is_published_again(log: Log, pool: Pool, conn: Connection) -> None:
    """The log need not grow for it."""
    working = publisher(log, pool)
    log.settle(1, 2)
    await working.run_page()
    await conn.execute("delete from webhook_deliveries where position = 2")
    await conn.execute("update consumer_positions set position = 1")
    assert await working.run_page() == 0
    working.begin_again()
    assert await working.run_page() == 1
    assert [delivery.id for delivery in log.handed_over] == [log.id_of(1), log.id_of(2), log.id_of(2)]
    assert await statuses(conn) == {"pending": 2}
    assert await stored_position(conn) == 2


async def test_of_a_disabled_subscription_dead_rows_are_kept(log: Log, pool: Pool, conn: Connection) -> None:
    log.subscriptions = [subscribed(1), subscribed(2, disabled=True)]
    log.settle(1)
    await publisher(log, pool).run_page()
    assert [delivery.id for delivery in log.handed_over] == [log.id_of(1)]
    assert (await row(conn, log.id_of(1, 2))).status == "dead"


async def test_when_a_subscription_ends_what_is_pending_becomes_dead(log: Log, pool: Pool, conn: Connection) -> None:
    working = publisher(log, pool)
    log.settle(1)
    await working.run_page()
    log.head = 2
    log.ended[2] = UUID(int=1)
    assert await working.run_page() == 1
    assert await statuses(conn) == {"dead": 1}
    assert await stored_position(conn) == 2


async def test_a_place_without_effect_is_stored_each_second(log: Log, pool: Pool, conn: Connection) -> None:
    working = publisher(log, pool)
    log.head = 5
    assert await working.run_page() == 5
    assert await stored_position(conn) == 0
    log.now = 1.5
    assert await working.run_page() == 0
    assert await stored_position(conn) == 5
    log.settle(8)
    assert await working.run_page() == 3
    assert await stored_position(conn) == 8
