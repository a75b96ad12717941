"""Every list reads about as many rows as it shows, however many there are, also by a plan made for an empty table."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from infra.event_store.arrays import UuidArray
from projections.order_list import OrderFilters, OrderList
from projections.orders import _ONE_BY_ONE, OrdersInFlight
from tests.integration.projections.counting import Counting
from tests.integration.projections.store import NOW, PARTNER

_MANY = 20_000
_PAGE = 50

# Of half of them, the partner's, nearly all are Issued and four are in Error, far apart.
_GENERATE = """
insert into orders
select gen_random_uuid(), case when n %% 2 = 0 then %s else gen_random_uuid() end, 'REF-' || n, 'CM-' || n,
    %s + n * interval '1 second', case when n %% 5000 = 0 then 'Error' else 'Issued' end, false, 4, n, now(), null,
    '{}', '{}'
from generate_series(1, %s) n
"""

_FILTERS: dict[str, object] = {
    "statuses": frozenset({"Error", "Draft"}),
    "sell_to_order_reference": "REF-10000",
    "buy_from_order_reference": "CM-10000",
    "received_from": NOW + timedelta(seconds=100),
    "received_to": NOW + timedelta(seconds=15_000),
}
_COMBINATIONS = [
    {name: value for (name, value), chosen in zip(_FILTERS.items(), flags, strict=True) if chosen}
    for flags in product([False, True], repeat=len(_FILTERS))
]


async def _ask(reads: Counting, filters: dict[str, Any], *, changed: bool) -> int:
    """How many rows the list shows."""
    ask = OrderList(reads)
    wanted = OrderFilters(PARTNER, **filters)
    page = await (ask.changed(wanted, _PAGE) if changed else ask.newest(wanted, _PAGE))
    return len(page.orders)


@pytest.mark.parametrize("changed", [False, True])
async def test_lists_read_what_they_show_by_plans_made_when_there_was_nothing(
    counting: Counting, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    monkeypatch.setattr("projections.order_list._listed", lambda row: row)
    for filters in _COMBINATIONS:
        for _ in range(7):  # from the sixth time on PostgreSQL keeps the plan
            await _ask(counting, filters, changed=changed)
    await counting.connection.execute(_GENERATE, (PARTNER, NOW, _MANY))
    for filters in _COMBINATIONS:
        shown = await _ask(counting, filters, changed=changed)
        assert counting.sequential == 0, filters
        if "sell_to_order_reference" in filters or "buy_from_order_reference" in filters:
            assert shown == ("statuses" not in filters or 1)
            assert counting.read <= 4, filters
        elif changed and "received_from" in filters:
            assert shown  # the window's beginning is looked for in the order of changes
        else:
            rare = 3 if "received_to" in filters else 4
            assert shown == (rare if "statuses" in filters else _PAGE), filters
            assert counting.read <= 3 * (_PAGE + 1), filters


async def test_what_is_due_is_read_by_its_index_and_single_orders_by_theirs(counting: Counting) -> None:
    in_flight = OrdersInFlight(counting)
    for _ in range(7):
        await in_flight.due(NOW, 10)
    await counting.connection.execute(_GENERATE, (PARTNER, NOW, _MANY))
    await counting.connection.execute(
        "update orders set status = 'Submitted', due_at = received_at where row_version % 2000 = 0"
    )
    assert len(await in_flight.due(NOW + timedelta(seconds=_MANY), 5)) == 5
    assert counting.sequential == 0
    assert counting.read <= 10
    counted = await in_flight.counts()
    assert counted.counts["Submitted"] == _MANY // 2_000
    assert counting.sequential == 0
    assert counting.read <= 2 * _MANY // 2_000


async def test_a_strong_read_never_scans(counting: Counting) -> None:
    for _ in range(7):
        await counting.rows(_ONE_BY_ONE, (UuidArray.of([PARTNER]),))
    await counting.connection.execute(_GENERATE, (PARTNER, NOW, _MANY))
    cursor = await counting.connection.execute("select order_id from orders limit 10")
    ids = [row[0] for row in await cursor.fetchall()]
    assert len(await counting.rows(_ONE_BY_ONE, (UuidArray.of(ids),))) == len(ids)
    assert counting.sequential == 0
    assert counting.read <= len(ids)
