"""Places are taken before anything is minted, all or none of an order's, and given back once."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from domain.issuance.issuance import Issuance as Minted
from domain.issuance.issuer import IssuanceRefused, IssueJob
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import Shop, line, order_id, visit_date
from tests.integration.issuer.venue import issuance, settle, taken, tour, venue

STARTED, FAILED = "order.processing.v1", "order.failed.v1"


async def _statuses(shop: Shop, paths: list[str]) -> list[str]:
    return [(await shop.get(path)).body["status"] for path in paths]


class _Refusing:
    """An issuer that looks at what is taken while it is asked, and refuses."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.seen: list[object] = []

    async def issue(self, job: IssueJob) -> Minted:
        self.seen.append(await taken(self._shop))
        raise IssuanceRefused("closed", f"Not for {job.order.sell_to_order_reference}.")

    async def confirm(self, _: object) -> None: ...

    async def void(self, _: object) -> None: ...


async def test_who_comes_first_has_the_last_place_and_who_comes_then_reads_why(shop: Shop) -> None:
    first, second = await shop.created(paymentReference="P", items=[tour()]), await shop.created(items=[tour()])
    await settle(shop, first)
    await settle(shop, second)
    assert await _statuses(shop, [first, second]) == ["Issued", "Error"]
    assert await taken(shop) == {"10:00:00": (0, 1)}
    assert (await shop.get(second)).body["statusMessage"] == (
        f"Sold out: item 31005 (line 100000) on {visit_date()} 10:00:00-11:00:00. TOUR has 0 places left then, and the "
        "order needs 1. Nothing was issued: replace the order to ask for another visit or for less, or cancel it."
    )


async def test_what_is_sold_out_is_saved_at_once_and_nobody_is_asked_to_issue_it(shop: Shop) -> None:
    path = await shop.created(items=[tour(2)])
    issuer = _Refusing(shop)
    await settle(shop, path, issuer=issuer)
    assert issuer.seen == []
    rows = await shop.log(path)
    assert [topic for _, _, topic, *_ in rows] == [
        "order.submitted.v1",
        "order.scheduled.v1",
        STARTED,
        FAILED,
        "order.void_requested.v1",
    ]
    states = [msgspec.json.decode(state) for *_, state, _ in rows[1:]]
    assert len({state["metadata"]["commandId"] for state in states}) == 1
    assert "places" not in states[1]["data"]
    assert states[2]["data"]["reason"] == "sold_out"
    assert "TOUR has 1 place left then, and the order needs 2." in states[2]["data"]["statusMessage"]
    assert await taken(shop) == {}


async def test_an_order_takes_all_its_places_or_none(shop: Shop) -> None:
    path = await shop.created(items=[line(), tour(), tour(2, visitTime="14:30:00")])
    await settle(shop, path)
    assert (await shop.get(path)).body["status"] == "Error"
    assert "14:00:00-15:00:00" in (await shop.get(path)).body["statusMessage"]
    assert (await taken(shop), await taken(shop, "MAIN")) == ({}, {})


async def test_places_are_counted_where_there_is_no_limit_too(shop: Shop) -> None:
    path = await shop.created(items=[line(quantity=3), line(itemNumber="31009", quantity=25)])
    await settle(shop, path)
    assert await taken(shop, "MAIN") == {None: (28, 0)}


async def test_of_many_orders_at_once_on_two_instances_as_many_are_issued_as_there_are_places(
    shop: Shop, other: Shop
) -> None:
    await shop.publish(venue(tours=5))
    paths = [await shop.created(paymentReference="P", items=[tour()]) for _ in range(24)]
    ids = [order_id(path) for path in paths]
    await other.platform.directory.refresh()
    # Each of all orders, so that they meet over orders as well as over places.
    await asyncio.gather(
        *(issuance(shop).settle(ids[part::3]) for part in range(3)),
        *(issuance(other, owner="issuer-2").settle(ids[part::2]) for part in range(2)),
    )
    statuses = Counter(await _statuses(shop, paths))
    assert statuses == {"Issued": 5, "Error": 19}
    assert await taken(shop) == {"10:00:00": (0, 5)}


async def test_a_draft_holds_a_confirmation_sells_and_a_cancellation_gives_back(shop: Shop) -> None:
    draft = await shop.created(items=[tour()])
    await settle(shop, draft)
    assert await taken(shop) == {"10:00:00": (1, 0)}
    assert (await shop.call("POST", f"{draft}/confirm", {"paymentReference": "P"})).status == 200
    assert await taken(shop) == {"10:00:00": (0, 1)}
    assert (await shop.call("DELETE", draft)).status == 200
    assert await taken(shop) == {"10:00:00": (0, 0)}
    assert (await shop.call("DELETE", draft)).status == 200
    assert await taken(shop) == {"10:00:00": (0, 0)}
    again = await shop.created(items=[tour()])
    await settle(shop, again)
    assert (await shop.get(again)).body["status"] == "Draft"


async def test_a_draft_that_is_replaced_or_removed_gives_back(shop: Shop) -> None:
    draft = await shop.created(items=[tour()])
    await settle(shop, draft)
    order = (await shop.get(draft)).body
    body = shop.body(sellToOrderReference=order["sellToOrderReference"], items=[tour(visitTime="14:00:00")])
    assert (await shop.call("PUT", draft, body)).status == 200
    assert await taken(shop) == {"10:00:00": (0, 0)}
    await settle(shop, draft)
    assert await taken(shop) == {"10:00:00": (0, 0), "14:00:00": (1, 0)}
    assert (await shop.call("DELETE", draft)).status == 200
    assert await taken(shop) == {"10:00:00": (0, 0), "14:00:00": (0, 0)}


async def test_an_order_that_the_issuer_refuses_gives_back_what_it_held_meanwhile(shop: Shop) -> None:
    path = await shop.created(items=[tour()])
    issuer = _Refusing(shop)
    await settle(shop, path, issuer=issuer)
    assert (await shop.get(path)).body["status"] == "Error"
    assert issuer.seen == [{"10:00:00": (1, 0)}]
    assert await taken(shop) == {"10:00:00": (0, 0)}


@pytest.mark.parametrize("capacity", [0, 1, None])
async def test_what_an_operator_set_for_the_slot_counts_in_place_of_the_catalogs(
    shop: Shop, capacity: int | None
) -> None:
    answer = await shop.call(
        "PUT",
        f"/admin/allotments/TOUR/{visit_date()}",
        {"capacity": capacity, "slotStart": "10:00:00"},
        key=OPERATOR_KEY,
    )
    assert answer.status == 200, answer.text
    paths = [await shop.created(items=[tour()]) for _ in range(3)]
    await settle(shop, *paths)
    drafts = Counter(await _statuses(shop, paths))["Draft"]
    assert drafts == (3 if capacity is None else capacity)
