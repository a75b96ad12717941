"""Whether what is kept beside the log is what a replay of it gives, looked at from outside the service."""

from __future__ import annotations

import asyncio
from functools import partial

from infra.event_store.group_commit import GroupCommit
from infra.event_store.mapper import EventMapper
from infra.event_store.recorder import Recorder
from infra.postgres.connections import connect, open_pool
from infra.postgres.reads import READ_SETTINGS, Reads
from projections.rebuild import Comparison, compare
from services.replay.replay import replay


def faults_of_read_model(dsn: str) -> list[str]:
    """The orders whose row is not, to the byte, what their events give."""
    comparison = asyncio.run(_compare(dsn))
    return [f"the read model of {one.order_id} is not what the log gives: {one}" for one in comparison.differences]


def faults_of_places_and_numbers(dsn: str) -> list[str]:
    """The slots and numbers whose row is not what the orders hold and show by their events."""
    opens = partial(connect, dsn, application_name="replay", transaction_timeout=None)
    replayed = asyncio.run(replay(EventMapper(), opens, lambda _done, _total: None))
    return [
        *(f"the places of {one.slot} are not what the log gives: {one}" for one in replayed.slot_differences),
        *(f"the number {one.number} is not what the log gives: {one}" for one in replayed.number_differences),
    ]


async def _compare(dsn: str) -> Comparison:
    pool = await open_pool(dsn, application_name="replay", min_size=1, max_size=2, settings=READ_SETTINGS)
    opens = partial(connect, dsn, application_name="replay", for_writing=True)
    try:
        return await compare(Recorder(Reads(pool), GroupCommit(opens)), EventMapper(), opens)
    finally:
        await pool.close()
