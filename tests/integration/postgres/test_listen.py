"""The listener: wakes its waiters by NOTIFY, by the clock, and after it lost its connection."""

from __future__ import annotations

import asyncio

from psycopg.conninfo import conninfo_to_dict

from infra.postgres.connections import connect
from infra.postgres.listen import LogListener

_NEVER = 3600.0

_LISTENERS = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name = 'channel-manager listen' AND datname = current_database()"
)


async def woken(*waiters: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        for waiter in waiters:
            await waiter.wait()
            waiter.clear()


async def notify(dsn: str, payload: str) -> None:
    async with await connect(dsn, application_name="test") as connection:
        await connection.execute("SELECT pg_notify('stored_events', %s)", (payload,))


async def test_a_notification_wakes_every_waiter(dsn: str) -> None:
    listener = LogListener(dsn, poll_seconds=_NEVER)
    one, two, gone = listener.subscribe(), listener.subscribe(), listener.subscribe()
    async with listener:
        await woken(one, two, gone)  # when it begins to listen
        listener.unsubscribe(gone)
        listener.unsubscribe(gone)
        await notify(dsn, "other")
        await woken(one, two)
        assert not gone.is_set()


async def test_a_waiter_that_names_kinds_is_woken_by_these_alone_and_by_what_says_nothing(dsn: str) -> None:
    listener = LogListener(dsn, poll_seconds=_NEVER)
    settled, all_of_them = listener.subscribe("settled", "setup"), listener.subscribe()
    async with listener:
        await woken(settled, all_of_them)
        await notify(dsn, "other submitted")
        await woken(all_of_them)
        assert not settled.is_set()
        await notify(dsn, "other settled")
        await woken(settled, all_of_them)
        await notify(dsn, "")  # as the library's own writer tells
        await woken(settled, all_of_them)


async def test_a_lost_connection_is_replaced_and_waiters_look_again(dsn: str) -> None:
    listener = LogListener(dsn, poll_seconds=_NEVER)
    waiter = listener.subscribe()
    async with listener, await connect(dsn, application_name="operator") as operator:
        await woken(waiter)
        before = await (await operator.execute(_LISTENERS.encode())).fetchall()
        await operator.execute("SELECT pg_terminate_backend(%s)", before[0])
        await woken(waiter)  # by the new connection: something may have been stored in between
        after = await (await operator.execute(_LISTENERS.encode())).fetchall()
        assert len(before) == len(after) == 1
        assert before != after
        await notify(dsn, "")
        await woken(waiter)


async def test_without_a_database_the_clock_wakes_the_waiters(dsn: str) -> None:
    nowhere = f"host={conninfo_to_dict(dsn)['host']}/nowhere"
    listener = LogListener(nowhere, poll_seconds=0.01)
    waiter = listener.subscribe()
    async with listener:
        await woken(waiter)
        await woken(waiter)


async def test_nobody_listens_after_it_is_closed(dsn: str) -> None:
    listener = LogListener(dsn, poll_seconds=_NEVER)
    waiter = listener.subscribe()
    async with await connect(dsn, application_name="operator") as operator:
        async with listener:
            await woken(waiter)
        async with asyncio.timeout(20):
            while await (await operator.execute(_LISTENERS.encode())).fetchall():
                pass
