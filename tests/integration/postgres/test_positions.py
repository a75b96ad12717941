"""A consumer's position: moved once, in the transaction of its effects."""

from __future__ import annotations

import asyncio

import pytest

from infra.postgres.connections import connect
from infra.postgres.errors import PositionMoved
from infra.postgres.positions import advance, load_position


async def test_a_new_consumer_begins_before_the_first_event(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as connection:
        assert await load_position(connection, "orders") == 0
        assert await load_position(connection, "orders") == 0


async def test_a_position_that_was_moved_is_loaded(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as connection:
        await load_position(connection, "orders")
        await advance(connection, "orders", 0, 7)
        assert await load_position(connection, "orders") == 7
        assert await load_position(connection, "webhooks") == 0


async def test_of_two_runners_one_commits_its_effects(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as one, await connect(dsn, application_name="test") as two:
        await one.execute("CREATE TABLE effects (runner int)")
        assert await load_position(one, "orders") == await load_position(two, "orders") == 0

        async def run(runner: int) -> None:
            connection = (one, two)[runner]
            async with connection.transaction():
                await connection.execute("INSERT INTO effects VALUES (%s)", (runner,))
                await advance(connection, "orders", 0, 5)

        results = await asyncio.gather(run(0), run(1), return_exceptions=True)
        assert sorted(map(repr, results)) == ["None", "PositionMoved('the position of orders is no longer 0')"]
        cursor = await one.execute("SELECT count(*) FROM effects")
        assert await cursor.fetchone() == (1,)
        assert await load_position(one, "orders") == 5


async def test_a_position_nobody_made_cannot_be_moved(dsn: str) -> None:
    async with await connect(dsn, application_name="test") as connection:
        with pytest.raises(PositionMoved):
            await advance(connection, "orders", 0, 1)
