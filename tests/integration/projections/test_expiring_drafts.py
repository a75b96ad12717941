"""Which Drafts are over: found by their index, by the limits of the moment, whoever wrote their rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace

from domain.order.commands import CancelOrder, RecordIssuance
from domain.order.state import Processing
from projections.expiring_drafts import ExpiringDrafts
from projections.rebuild import compare, rebuild
from tests.integration.projections.counting import Counting
from tests.integration.projections.store import NOW, PARTNER, OrderOfTest, Store, issuance, opened_store

OTHER = UUID("31e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
SECOND = timedelta(seconds=1)


async def drafted(store: Store, issued_at: datetime, partner_id: UUID = PARTNER) -> OrderOfTest:
    order = await store.submit(partner_id=partner_id, payment_reference=None)
    await store.start(order)
    assert isinstance(order.state, Processing)
    await store.command(order, RecordIssuance(replace(issuance(order.state.job_id), issued_at=issued_at)))
    return order


async def due(store: Store, now: datetime, limit: int = 10, /, **ttl_seconds: int) -> list[UUID]:
    return await ExpiringDrafts(store.reads).due(_limits(ttl_seconds), now, limit)


def _limits(ttl_seconds: Mapping[str, int]) -> dict[UUID, int]:
    return {{"own": PARTNER, "other": OTHER}[name]: seconds for name, seconds in ttl_seconds.items()}


async def test_a_draft_is_due_to_the_microsecond_of_its_end(store: Store) -> None:
    draft = await drafted(store, NOW + timedelta(microseconds=7))
    await store.project()
    end = NOW + timedelta(seconds=900, microseconds=7)
    assert await due(store, end - timedelta(microseconds=1), own=900) == []
    assert await due(store, end, own=900) == [draft.order_id]
    assert await ExpiringDrafts(store.reads).longest_overdue({PARTNER: 900}, end + 3 * SECOND) == 3 * SECOND
    assert await ExpiringDrafts(store.reads).longest_overdue({PARTNER: 901}, end) == timedelta(0)


async def test_the_limits_of_the_moment_say_what_is_due(store: Store) -> None:
    own, other = await drafted(store, NOW), await drafted(store, NOW, OTHER)
    await store.project()
    later = NOW + timedelta(seconds=60)
    assert await due(store, later) == []
    assert await due(store, later, own=61, other=61) == []
    assert await due(store, later, own=60, other=61) == [own.order_id]
    assert await due(store, later, own=3_153_600_000, other=1) == [other.order_id]
    assert set(await due(store, later, own=1, other=60)) == {own.order_id, other.order_id}


async def test_only_drafts_are_due(store: Store) -> None:
    submitted = await store.submit(payment_reference=None)
    issued = await store.submit()
    await store.settle(issued)
    failed = await store.submit()
    await store.fail(failed)
    confirmed, removed = await drafted(store, NOW), await drafted(store, NOW)
    await store.confirm(confirmed)
    await store.command(removed, CancelOrder())
    await store.project()
    assert await due(store, NOW + timedelta(days=1), own=1) == []
    await store.start(submitted)
    assert isinstance(submitted.state, Processing)
    await store.command(submitted, RecordIssuance(issuance(submitted.state.job_id)))
    await store.project()
    assert await due(store, NOW + timedelta(days=1), own=1) == [submitted.order_id]


async def test_a_draft_that_the_log_says_has_moved_on_is_passed_over_before_its_row_is_written(store: Store) -> None:
    moved, replaced, stays = [await drafted(store, NOW + n * SECOND) for n in range(3)]
    await store.project()
    await store.confirm(moved)
    await store.replace(replaced)
    assert await due(store, NOW + timedelta(days=1), own=1) == [stays.order_id]
    assert await due(store, NOW + timedelta(days=1), 1, own=1) == [stays.order_id]
    await store.project()
    assert await due(store, NOW + timedelta(days=1), own=1) == [stays.order_id]


async def test_a_partner_whose_drafts_are_all_over_holds_up_no_other(store: Store) -> None:
    many = [await drafted(store, NOW + n * SECOND) for n in range(6)]
    late = await drafted(store, NOW + timedelta(hours=1), OTHER)
    await store.project()
    found = await due(store, NOW + timedelta(days=1), 4, own=1, other=1)
    assert found == [many[0].order_id, late.order_id, many[1].order_id, many[2].order_id]


async def test_rows_from_before_the_index_and_rebuilt_ones_are_found(store: Store) -> None:
    draft = await drafted(store, NOW)
    await store.project()
    # As the release before wrote them, and as the migration finds them.
    await store.execute("drop index orders_drafts")
    await store.execute(
        "create index orders_drafts on orders (partner_id, draft_issued_at(summary)) where status = 'Draft'"
    )
    assert await due(store, NOW + SECOND, own=1) == [draft.order_id]
    await rebuild(store.recorder, store.mapper, store.connect)
    (index,) = await store.rows("select indexdef from pg_indexes where indexname = 'orders_drafts'")
    assert "draft_issued_at(summary)" in index[0]
    assert await due(store, NOW + SECOND, own=1) == [draft.order_id]
    assert (await compare(store.recorder, store.mapper, store.connect)).differences == []


async def test_on_the_oldest_server_too(dsn16: str) -> None:
    async with opened_store(dsn16) as store:
        draft = await drafted(store, NOW)
        await store.project()
        await rebuild(store.recorder, store.mapper, store.connect)
        assert await due(store, NOW + SECOND, own=1) == [draft.order_id]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "UTC"])
async def test_a_moment_is_read_alike_in_every_session(store: Store, zone: str) -> None:
    draft = await drafted(store, NOW + timedelta(microseconds=7))
    await store.project()
    async with await store.connect() as connection:
        await connection.execute("select set_config('timezone', %s, false)", (zone,))
        await connection.execute("set datestyle = 'German, DMY'")
        await connection.execute("set search_path = pg_catalog")
        cursor = await connection.execute(
            "select public.draft_issued_at(summary) = %s from public.orders where order_id = %s",
            (NOW + timedelta(microseconds=7), draft.order_id),
        )
        assert await cursor.fetchone() == (True,)


_DRAFTS = """
insert into orders
select gen_random_uuid(), case when n %% 2 = 0 then %s else gen_random_uuid() end, 'REF-' || n, 'CM-' || n,
    %s + n * interval '1 second', case when n %% 3 = 0 then 'Draft' else 'Issued' end, false, 4, n, now(), null,
    convert_to(json_build_object('issuance', json_build_object('issuedAt', issued_at))::text, 'UTF8'), '{}'
from (select n, %s + n * interval '1 second' as issued_at from generate_series(1, %s) n) numbered
"""
_MANY = 20_000


async def test_nothing_is_read_where_nothing_is_due_and_no_more_than_is_asked_where_all_is(counting: Counting) -> None:
    drafts = ExpiringDrafts(counting)
    limits = {PARTNER: 900, **{uuid4(): 900 for _ in range(20)}}
    for _ in range(7):  # from the sixth time on PostgreSQL keeps the plan
        await drafts.due(limits, NOW, 10)
        await drafts.longest_overdue(limits, NOW)
    await counting.connection.execute(_DRAFTS, (PARTNER, NOW, NOW, _MANY))
    assert await drafts.due(limits, NOW + timedelta(seconds=900), 10) == []
    assert (counting.sequential, counting.read) == (0, 0)
    assert await drafts.longest_overdue(limits, NOW) == timedelta(0)
    assert (counting.sequential, counting.read) == (0, 0)
    after = NOW + timedelta(days=2)
    assert len(await drafts.due(limits, after, 10)) == 10
    assert counting.sequential == 0
    assert counting.read <= 11
    assert await drafts.longest_overdue(limits, after) == after - (NOW + timedelta(seconds=906))
    assert counting.sequential == 0
    assert counting.read <= 1


async def test_without_a_limit_nothing_is_asked() -> None:
    drafts = ExpiringDrafts(None)  # type: ignore[arg-type]
    assert await drafts.due({}, NOW, 10) == []
    assert await drafts.longest_overdue({}, NOW) == timedelta(0)


async def test_a_row_whose_moment_cannot_be_read_is_refused_and_not_hidden(store: Store) -> None:
    """The projector parks what PostgreSQL refuses: an operator sees it."""
    draft = await drafted(store, NOW)
    await store.project()
    with pytest.raises(psycopg.DataError):
        await store.execute("update orders set summary = %s where order_id = %s", b"\xff", draft.order_id)
