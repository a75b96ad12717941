"""Places of a slot: taken and given back in the call that saves the event, whole or not at all, never too many."""

from __future__ import annotations

import asyncio
import random
from datetime import time
from uuid import uuid4

from infra.event_store.append import Append
from infra.event_store.group_commit import RefusedByStore
from infra.event_store.outcomes import Appended, CapacityBelowTaken, Conflict, TooFewPlaces
from infra.postgres.connections import Connection

from .saving import MORNING, allotments, opened_writer, outcome_of, save, session, sets, takes, taking, value

WHOLE_DAY = ("MAIN", None)


async def test_as_many_as_there_are_and_not_one_more(connection: Connection) -> None:
    outcomes = await save(connection, *(takes(taking(2, capacity=5)) for _ in range(4)))
    assert outcomes == [Appended(1), Appended(2), TooFewPlaces(at=0, left=1), TooFewPlaces(at=0, left=1)]
    assert await save(connection, takes(taking(1, capacity=5))) == [Appended(3)]
    assert await save(connection, takes(taking(1, capacity=5))) == [TooFewPlaces(at=0, left=0)]
    assert await allotments(connection) == {WHOLE_DAY: (5, 0, "catalog")}


async def test_without_a_limit_any_number_is_counted(connection: Connection) -> None:
    """A package of large groups, ordered five hundred lines long."""
    many = 500 * 9999 * 9999
    assert await save(connection, takes(taking(many, capacity=None)), takes(taking(many, capacity=None))) == [
        Appended(1),
        Appended(2),
    ]
    assert await allotments(connection) == {WHOLE_DAY: (2 * many, 0, "catalog")}
    assert await save(connection, takes(taking(1, capacity=1))) == [TooFewPlaces(at=0, left=0)]


async def test_all_slots_of_a_command_or_none(connection: Connection) -> None:
    """One that goes without leaves its places to those behind it."""
    both = [taking(1, capacity=1), taking(2, capacity=1, admission="TOUR", start=MORNING)]
    later = takes(taking(1, capacity=1))
    assert await save(connection, takes(*both), later) == [TooFewPlaces(at=1, left=1), Appended(1)]
    assert await allotments(connection) == {WHOLE_DAY: (1, 0, "catalog")}


async def test_the_first_slot_that_cannot_be_had_is_named(connection: Connection) -> None:
    places = {"A": (2, 9), "B": (4, 4), "C": (3, 2), "D": (9, 1)}
    slots = [taking(count, capacity=capacity, admission=name) for name, (count, capacity) in places.items()]
    assert await save(connection, takes(*slots)) == [TooFewPlaces(at=2, left=2)]
    assert await save(connection, takes(*slots[:2])) == [Appended(1)]
    assert await save(connection, takes(*slots)) == [TooFewPlaces(at=1, left=0)]


async def test_commands_are_judged_in_their_order(connection: Connection) -> None:
    """What one gives back is there for the next one, and not for the one before."""
    holder = uuid4()
    await save(connection, takes(taking(3, capacity=3), stream=holder))
    given_back = takes(taking(-2, capacity=3), stream=holder, version=2)
    outcomes = await save(
        connection, takes(taking(1, capacity=3)), given_back, takes(taking(2, capacity=3)), takes(taking(1, capacity=3))
    )
    none_left = TooFewPlaces(at=0, left=0)
    assert outcomes == [none_left, Appended(2), Appended(3), none_left]
    assert await allotments(connection) == {WHOLE_DAY: (3, 0, "catalog")}


async def test_a_slot_is_its_admission_its_day_and_its_start(connection: Connection) -> None:
    other_day = taking(1, capacity=1)._replace(visit_date=taking(1, capacity=1).visit_date.replace(year=2028))
    slots = [
        taking(1, capacity=1),
        taking(1, capacity=1, start=time(0)),
        taking(1, capacity=1, start=MORNING),
        taking(1, capacity=1, start=time(23, 59, 59)),
        taking(1, capacity=1, admission="main"),
        other_day,
    ]
    assert all(isinstance(outcome, Appended) for outcome in await save(connection, *map(takes, slots)))
    assert await save(connection, *map(takes, slots)) == [TooFewPlaces(at=0, left=0)] * len(slots)
    assert set(await allotments(connection)) == {(slot.admission, slot.slot_start) for slot in slots}


async def test_what_is_held_is_sold_and_given_back_however_little_there_is(connection: Connection) -> None:
    """A later catalog has fewer places than are taken: nobody who has one is refused, and nobody new is let in."""
    held, other = uuid4(), uuid4()
    await save(connection, takes(taking(3, capacity=9), stream=held), takes(taking(1, 1, capacity=9), stream=other))
    # Also where the batch is judged one by one.
    outcomes = await save(
        connection,
        takes(taking(-3, 3, capacity=1), stream=held, version=2),
        takes(taking(-1, -1, capacity=1), stream=other, version=2),
        takes(taking(1, capacity=1)),
    )
    assert outcomes == [Appended(3), Appended(4), TooFewPlaces(at=0, left=0)]
    assert await save(connection, takes(taking(0, -3, capacity=0), stream=held, version=3)) == [Appended(5)]
    assert await allotments(connection) == {WHOLE_DAY: (0, 0, "catalog")}


async def test_no_capacity_is_no_limit(connection: Connection) -> None:
    outcomes = await save(connection, *(takes(taking(1_000_000, capacity=None)) for _ in range(3)))
    assert outcomes == [Appended(1), Appended(2), Appended(3)]
    # It is counted all the same: a later catalog may limit it.
    assert await save(connection, takes(taking(1, capacity=3_000_000))) == [TooFewPlaces(at=0, left=0)]
    assert await save(connection, takes(taking(1, capacity=None))) == [Appended(4)]


async def test_each_is_judged_by_the_catalog_that_it_was_decided_by(connection: Connection) -> None:
    outcomes = await save(connection, *(takes(taking(1, capacity=capacity)) for capacity in (None, 1, 2, 2, None, 4)))
    sold_out = TooFewPlaces(at=0, left=0)
    assert outcomes == [Appended(1), sold_out, Appended(2), sold_out, Appended(3), Appended(4)]


async def test_what_an_operator_sets_stands_in_the_catalogs_place(connection: Connection) -> None:
    assert await save(connection, sets(2)) == [Appended(1)]
    assert await allotments(connection) == {WHOLE_DAY: (0, 0, 2)}
    outcomes = await save(connection, *(takes(taking(1, capacity=capacity)) for capacity in (100, None, 100)))
    assert outcomes == [Appended(2), Appended(3), TooFewPlaces(at=0, left=0)]
    await save(connection, sets(None))
    assert await save(connection, takes(taking(1, capacity=0))) == [Appended(5)]
    assert await allotments(connection) == {WHOLE_DAY: (3, 0, None)}


async def test_less_than_is_taken_cannot_be_set(connection: Connection) -> None:
    await save(connection, takes(taking(2, 1, capacity=5)), sets(4))
    assert await save(connection, sets(2)) == [CapacityBelowTaken()]
    assert await allotments(connection) == {WHOLE_DAY: (2, 1, 4)}
    assert await save(connection, sets(3)) == [Appended(3)]
    assert await save(connection, sets(0, admission="TOUR", start=MORNING)) == [Appended(4)]
    assert await allotments(connection) == {WHOLE_DAY: (2, 1, 3), ("TOUR", MORNING): (0, 0, 0)}


async def test_a_capacity_is_set_in_the_order_of_the_commands_too(connection: Connection) -> None:
    """So that the log tells no other story than the answers."""
    outcomes = await save(
        connection,
        takes(taking(1, capacity=1)),
        takes(taking(1, capacity=1)),
        sets(3),
        takes(taking(2, capacity=1)),
        takes(taking(1, capacity=1)),
    )
    sold_out = TooFewPlaces(at=0, left=0)
    assert outcomes == [Appended(1), sold_out, Appended(2), Appended(3), sold_out]
    assert await save(connection, sets(2), sets(7, admission="TOUR")) == [CapacityBelowTaken(), Appended(4)]


async def test_more_than_was_taken_is_not_given_back(any_dsn: str, connection: Connection) -> None:
    """A fault of ours: it is refused by itself, and loud."""
    async with opened_writer(any_dsn) as writer:
        assert await writer.append(takes(taking(1, capacity=5))) == Appended(1)
        outcomes = await asyncio.gather(
            *(
                outcome_of(writer.append(asked))
                for asked in (
                    takes(taking(1, capacity=5)),
                    takes(taking(-9, capacity=5)),
                    takes(taking(-1, capacity=5, admission="TOUR")),
                    takes(taking(-1, 2, capacity=0)),
                    takes(taking(1, capacity=5)),
                )
            )
        )
    none_left = TooFewPlaces(at=0, left=0)
    assert outcomes == [Appended(2), RefusedByStore, RefusedByStore, none_left, Appended(3)]
    assert await allotments(connection) == {WHOLE_DAY: (3, 0, "catalog")}


async def test_a_capacity_and_places_are_of_different_commands(dsn: str) -> None:
    mixed = takes(taking(1, capacity=1))._replace(override=sets(1).override)
    async with opened_writer(dsn) as writer:
        assert await outcome_of(writer.append(mixed)) is RefusedByStore
        assert await writer.append(takes(taking(1, capacity=1))) == Appended(1)


async def test_who_wants_the_same_places_is_saved_together(dsn: str, batches: list[tuple[Append, ...]]) -> None:
    """All that is sold today shares a few slots: judged in order they fill a batch all the same."""
    async with opened_writer(dsn) as writer:
        asked = [takes(taking(1, capacity=100)) for _ in range(150)] + [sets(110)] + [takes(taking(1, capacity=0))]
        outcomes = await asyncio.gather(*map(writer.append, asked))
    assert max(map(len, batches)) > 100
    sold_out = [TooFewPlaces(at=0, left=0)] * 50
    assert outcomes == [*map(Appended, range(1, 101)), *sold_out, Appended(101), Appended(102)]


async def test_of_a_hundred_buyers_in_two_processes_as_many_get_in_as_there_are_places(dsn: str) -> None:
    async with opened_writer(dsn) as one, opened_writer(dsn) as other, session(dsn) as database:
        buyers = [(one, other)[at % 2].append(takes(taking(1, capacity=7))) for at in range(100)]
        outcomes = await asyncio.gather(*buyers)
        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 7
        assert {outcome for outcome in outcomes if isinstance(outcome, Conflict)} == {TooFewPlaces(at=0, left=0)}
        assert await allotments(database) == {WHOLE_DAY: (7, 0, "catalog")}
        assert await value(database, "select count(*) from stored_events") == 7


async def test_taken_sold_and_given_back_by_many_at_once_it_adds_up(dsn: str) -> None:
    """Two writers, thirty buyers who change their mind, and a capacity that an operator moves up and down."""
    chance = random.Random(20270517)
    over = False
    held: dict[tuple[str, time | None], int] = {("MAIN", None): 0, ("TOUR", MORNING): 0}
    sold = dict(held)

    async with opened_writer(dsn) as one, opened_writer(dsn) as other, session(dsn) as database:

        async def buyer(at: int) -> None:
            writer = (one, other)[at % 2]
            for _ in range(15):
                stream, count = uuid4(), chance.randint(1, 3)
                slots = [taking(count, capacity=20), taking(1, capacity=9, admission="TOUR", start=MORNING)]
                slots = slots[: chance.randint(1, 2)]
                if not isinstance(await writer.append(takes(*slots, stream=stream)), Appended):
                    continue
                ends = chance.choice(["kept", "sold", "back"])
                for slot in slots:
                    key = slot.admission, slot.slot_start
                    held[key] += slot.held if ends == "kept" else 0
                    sold[key] += slot.held if ends == "sold" else 0
                if ends != "kept":
                    moved = [slot._replace(held=-slot.held, sold=slot.held if ends == "sold" else 0) for slot in slots]
                    assert isinstance(await writer.append(takes(*moved, stream=stream, version=2)), Appended)

        async def operator() -> None:
            while not over:
                await one.append(sets(chance.randint(0, 40)))

        async def onlooker() -> None:
            while not over:
                for taken, also_taken, capacity in (await allotments(database)).values():
                    limit = capacity if isinstance(capacity, int) else 20
                    assert 0 <= taken + also_taken <= limit

        async with asyncio.TaskGroup() as others:
            others.create_task(operator())
            others.create_task(onlooker())
            await asyncio.gather(*(buyer(at) for at in range(30)))
            over = True
        found = await allotments(database)
        assert {key: found[key][:2] for key in held} == {key: (held[key], sold[key]) for key in held}
        assert all(sold.values())
