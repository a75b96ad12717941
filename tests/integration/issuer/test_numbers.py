"""What guests show is unique among the living: our own numbers give way, a partner's is refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from domain.issuance.issuance import Issuance as Minted
from domain.issuance.issuer import IssueJob
from domain.order.shown_numbers import NumberKind
from domain.order.state import Submitted
from services.issuer.issuance import NUMBER_TRIES
from tests.integration.api.shop import Shop, line, now, order_id
from tests.integration.issuer.venue import numbers, settle

STRANGER = UUID(int=4711)


def _of(minted: Minted, kind: NumberKind) -> str:
    wallet = minted.lines[0].wallets[0]
    return wallet.wallet_reference_number if kind == "wallet" else wallet.assets[0].reference_number


class _Unlucky:
    """The shop's issuer; whatever it mints the first times, somebody else has meanwhile."""

    def __init__(self, shop: Shop, kind: NumberKind, times: int = 1) -> None:
        self._shop = shop
        self._kind = kind
        self._times = times
        self.minted: list[Minted] = []

    async def issue(self, job: IssueJob) -> Minted:
        minted = await self._shop.platform.issuer.issue(job)
        self.minted.append(minted)
        if len(self.minted) <= self._times:
            await _taken_by_a_stranger(self._shop, _of(minted, self._kind))
        return minted

    async def confirm(self, _: object) -> None: ...

    async def void(self, _: object) -> None: ...


async def _taken_by_a_stranger(shop: Shop, number: str, *, living: bool = True) -> None:
    async with shop.platform.pool.connection() as connection:
        await connection.execute("insert into shown_numbers values (%s, %s, %s)", (number, STRANGER, living))


def _shown_by(order: Any) -> set[str]:
    shown = set()
    for one in order["items"]:
        for wallet in one["wallets"]:
            shown |= {wallet["walletReferenceNumber"], wallet["externalReferenceNumber"]}
            shown |= {asset["referenceNumber"] for asset in wallet["assets"]}
    return shown


def _named(*external: str) -> dict[str, Any]:
    return line(quantity=len(external), wallet={"externalReferenceNumbers": list(external)})


async def test_the_numbers_of_an_order_are_its_own_until_its_wallets_are_destroyed(shop: Shop) -> None:
    path = await shop.created(items=[_named("X-1", ""), line(itemNumber="33001")])
    await settle(shop, path)
    shown = _shown_by((await shop.get(path)).body)
    assert len(shown) == 7
    assert await numbers(shop) == {number: (order_id(path), True) for number in shown}
    assert (await shop.call("POST", f"{path}/confirm", {"paymentReference": "P"})).status == 200
    order = (await shop.get(path)).body
    assert (await shop.call("DELETE", path)).status == 200
    tickets = {asset["referenceNumber"] for one in order["items"] for w in one["wallets"] for asset in w["assets"]}
    assert await numbers(shop) == {ticket: (order_id(path), False) for ticket in tickets}


@pytest.mark.parametrize("kind", ["wallet", "asset"])
@pytest.mark.parametrize("times", [1, NUMBER_TRIES - 1])
async def test_a_number_of_ours_that_another_has_is_drawn_again(shop: Shop, kind: NumberKind, times: int) -> None:
    path = await shop.created(items=[line(), line(itemNumber="33001")])
    issuer = _Unlucky(shop, kind, times)
    await settle(shop, path, issuer=issuer)
    order = (await shop.get(path)).body
    assert order["status"] == "Draft"
    assert len(issuer.minted) == times + 1
    collided = {_of(minted, kind) for minted in issuer.minted[:-1]}
    shown = _shown_by(order)
    assert len(collided) == times
    assert shown.isdisjoint(collided)
    kept = await numbers(shop)
    assert {number for number, (owner, _) in kept.items() if owner == STRANGER} == collided
    assert {number for number, (owner, living) in kept.items() if owner == order_id(path) and living} == shown
    # One job, one outcome: nothing of the tries before was saved.
    assert [topic for _, _, topic, *_ in await shop.log(path)].count("order.drafted.v1") == 1
    assert {minted.job_id for minted in issuer.minted} == {UUID(order["jobId"])}


async def test_the_same_job_goes_the_same_way_round_the_numbers_that_it_must_avoid(shop: Shop) -> None:
    path = await shop.created()
    state = (await shop.platform.orders.load_one(order_id(path))).state
    assert isinstance(state, Submitted)
    job = IssueJob(uuid4(), order_id(path), state.order, state.content, now(), catalog_version=2)
    issue = shop.platform.issuer.issue
    first = await issue(job)
    avoiding = replace(job, avoid=(_of(first, "asset"),))
    second = await issue(avoiding)
    assert _of(second, "asset") != _of(first, "asset")
    assert (await issue(job), await issue(avoiding)) == (first, second)


async def test_where_every_number_is_taken_the_job_is_put_off_with_its_places(shop: Shop) -> None:
    path = await shop.created()
    issuer = _Unlucky(shop, "asset", times=100)
    await settle(shop, path, issuer=issuer)
    assert len(issuer.minted) == NUMBER_TRIES
    assert [topic for _, _, topic, *_ in await shop.log(path)][-1] == "order.issuance_deferred.v1"
    assert (await shop.get(path)).body["status"] == "Processing"


@pytest.mark.parametrize("whose", ["another's external number", "another's ticket"])
async def test_a_number_of_the_partners_that_another_has_is_an_error_that_names_line_and_wallet(
    shop: Shop, whose: str
) -> None:
    first = await shop.created(paymentReference="P", items=[_named("X-1")])
    await settle(shop, first)
    ticket = (await shop.get(first)).body["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    number = "X-1" if whose == "another's external number" else ticket
    second = await shop.created(items=[line(), _named("", number)])
    await settle(shop, second)
    order = (await shop.get(second)).body
    assert (order["status"], order["statusMessage"].split(":")[0]) == ("Error", "Line 200000, wallet 2")
    assert number not in order["statusMessage"]
    assert {owner for owner, _ in (await numbers(shop)).values()} == {order_id(first)}

    assert (await shop.call("DELETE", first)).status == 200
    body = shop.body(sellToOrderReference=order["sellToOrderReference"], items=[_named(number)])
    assert (await shop.call("PUT", second, body)).status == 200
    await settle(shop, second)
    assert (await shop.get(second)).body["status"] == "Draft"
    assert (await numbers(shop))[number] == (order_id(second), True)


async def test_of_two_orders_with_one_number_at_once_one_is_issued(shop: Shop) -> None:
    paths = [await shop.created(items=[_named("X-1")]) for _ in range(5)]
    await settle(shop, *paths)
    statuses = [(await shop.get(path)).body["status"] for path in paths]
    assert sorted(statuses) == ["Draft", *["Error"] * 4]


async def test_our_number_gives_way_and_then_the_partners_is_refused(shop: Shop) -> None:
    """Both are taken: what the order learns in the end is what the partner can change."""
    await _taken_by_a_stranger(shop, "X-1")
    path = await shop.created(items=[_named("X-1")])
    issuer = _Unlucky(shop, "wallet")
    await settle(shop, path, issuer=issuer)
    order = (await shop.get(path)).body
    assert (order["status"], order["statusMessage"].split(":")[0]) == ("Error", "Line 100000, wallet 1")


async def test_a_destroyed_tickets_number_may_be_shown_again(shop: Shop) -> None:
    await _taken_by_a_stranger(shop, "T-OLD", living=False)
    path = await shop.created(items=[_named("T-OLD")])
    await settle(shop, path)
    assert (await shop.get(path)).body["status"] == "Draft"
    assert (await numbers(shop))["T-OLD"] == (order_id(path), True)
