"""What guests show is unique among the living, and kept so by the call that saves its event."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from infra.event_store.append import Append
from infra.event_store.group_commit import RefusedByStore
from infra.event_store.outcomes import Appended, Conflict, NumberTaken, VersionTaken
from infra.postgres.connections import Connection

from .saving import command, destroys, event, numbers, opened_writer, outcome_of, save, session, shows


async def test_a_living_number_is_nobody_elses(connection: Connection) -> None:
    order_id = uuid4()
    assert await save(connection, shows("A", "B", order_id=order_id)) == [Appended(1)]
    outcomes = await save(connection, shows("C", "D"), shows("E", "B", "A"), shows("F"))
    assert outcomes == [Appended(2), NumberTaken(1), Appended(3)]
    found = await numbers(connection)
    assert found.keys() == {"A", "B", "C", "D", "F"}
    assert (found["A"], found["B"]) == ((order_id, True), (order_id, True))


async def test_nor_its_own_orders_again(connection: Connection) -> None:
    order_id = uuid4()
    await save(connection, shows("A", order_id=order_id))
    again = shows("B", "A", order_id=order_id, version=2)
    assert await save(connection, again) == [NumberTaken(1)]


async def test_numbers_are_told_apart_to_the_letter(connection: Connection) -> None:
    kinds = ["t1", "T1", "T1 ", "é", "e\N{COMBINING ACUTE ACCENT}", "\N{FULLWIDTH DIGIT ONE}", "1", "0" * 100]
    assert all(isinstance(outcome, Appended) for outcome in await save(connection, *map(shows, kinds)))
    assert await save(connection, *map(shows, kinds)) == [NumberTaken(0)] * len(kinds)


async def test_a_destroyed_tickets_number_is_remembered_until_another_takes_it(connection: Connection) -> None:
    first, second = uuid4(), uuid4()
    await save(connection, shows("T1", "W1", order_id=first))
    assert await save(connection, destroys(first, remembered=("T1",), others=("W1",))) == [Appended(2)]
    assert await numbers(connection) == {"T1": (first, False)}
    assert await save(connection, shows("T1", "W1", order_id=second)) == [Appended(3)]
    assert await numbers(connection) == {"T1": (second, True), "W1": (second, True)}
    assert await save(connection, shows("T1")) == [NumberTaken(0)]


async def test_only_an_orders_own_living_numbers_are_destroyed(connection: Connection) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    await save(connection, shows("T1", "W1", order_id=first), shows("T2", "W2", order_id=second))
    await save(connection, destroys(first, remembered=("T1",), others=("W1",)))
    await save(connection, shows("T1", "W1", order_id=third))
    before = await numbers(connection)
    # Each of them is another's, or nobody's.
    late = destroys(first, remembered=("T1", "T2", "T3"), others=("W1", "W2", "W3"))
    late = late._replace(events=[event()])
    assert await save(connection, late) == [Appended(5)]
    assert await numbers(connection) == before
    # A number that reads Void goes on doing so.
    await save(connection, destroys(second, remembered=("T2",)))
    gone = destroys(second, others=("T2",))._replace(events=[event()])
    await save(connection, gone)
    assert (await numbers(connection))["T2"] == (second, False)


async def test_whoever_is_kept_out_changes_no_number(connection: Connection) -> None:
    order_id, taken = uuid4(), event()
    await save(
        connection, command(taken), shows("A", order_id=order_id), shows("DEAD", order_id=taken.stream, version=2)
    )
    await save(connection, destroys(taken.stream, remembered=("DEAD",))._replace(events=[event()]))
    before = await numbers(connection)
    stale = Append(
        uuid4(), [taken], order_id=order_id, shown=["B"], destroyed=destroys(order_id, others=("A",)).destroyed
    )
    assert await save(connection, stale, shows("DEAD", "A"), shows("C")) == [
        VersionTaken(),
        NumberTaken(1),
        Appended(5),
    ]
    assert before.items() < (await numbers(connection)).items()
    assert (await numbers(connection)).keys() - before.keys() == {"C"}


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_of_many_who_want_one_number_one_gets_it(dsn: str, in_one_batch: bool) -> None:
    async with opened_writer(dsn) as one, opened_writer(dsn) as other, session(dsn) as database:
        writers = [one] * 2 if in_one_batch else [one, other]
        wanting = [shows(f"OWN {at}", "WANTED") for at in range(60)]
        outcomes = await asyncio.gather(*(writers[at % 2].append(asked) for at, asked in enumerate(wanting)))
        (winner,) = [asked for asked, of in zip(wanting, outcomes, strict=True) if isinstance(of, Appended)]
        assert {of for of in outcomes if isinstance(of, Conflict)} == {NumberTaken(1)}
        assert await numbers(database) == dict.fromkeys(winner.shown, (winner.order_id, True))


async def test_whoever_comes_right_behind_finds_the_number_free(dsn: str) -> None:
    """Who gives a number up and who wants it never meet in a batch, in which they could not see each other."""
    old, new, newer = uuid4(), uuid4(), uuid4()
    async with opened_writer(dsn) as writer, session(dsn) as database:
        await writer.append(shows("T1", "W1", order_id=old))
        saves = [
            writer.append(destroys(old, remembered=("T1",), others=("W1",))),
            writer.append(shows("T1", "W1", order_id=new)),
            writer.append(destroys(new, remembered=("T1",), others=("W1",))),
            writer.append(shows("W1", order_id=newer)),
        ]
        assert await asyncio.gather(*saves) == [Appended(2), Appended(3), Appended(4), Appended(5)]
        assert await numbers(database) == {"T1": (new, False), "W1": (newer, True)}


async def test_numbers_that_are_no_orders_or_twice_in_one_are_refused_by_themselves(dsn: str) -> None:
    async with opened_writer(dsn) as writer, session(dsn) as database:
        wrong = [
            shows("A")._replace(order_id=None),
            shows("B", "B"),
            destroys(uuid4(), others=("C",))._replace(order_id=None),
        ]
        commands = [shows("D"), *wrong, shows("E")]
        outcomes = await asyncio.gather(*(outcome_of(writer.append(asked)) for asked in commands))
        assert outcomes == [Appended(1), *[RefusedByStore] * 3, Appended(2)]
        assert (await numbers(database)).keys() == {"D", "E"}
