"""What the gate is told of a ticket or a wallet, and whom it lets in; all as of the last commit, on any instance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.api.at_the_gate import (
    CATALOG,
    gate_key,
    in_days,
    issued,
    number_of_one,
    redeem,
    ticket,
    today,
    wallets,
)
from tests.integration.api.serving import OPERATOR_KEY
from tests.integration.api.shop import COFFEE, Shop, line, opened, stocked


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    """An instance with the issuer at work."""
    async with stocked(dsn) as running:
        await running.publish(CATALOG)
        async with running.issuing():
            yield running


@pytest.fixture
async def other(dsn: str, shop: Shop) -> AsyncIterator[Shop]:  # noqa: ARG001 - beside the first
    """A second instance over the same database."""
    async with opened(dsn) as running:
        yield running


# A ticket


async def test_a_ticket_is_valid_then_used_once(shop: Shop) -> None:
    path, number = await number_of_one(shop, visitTime="10:30:00")
    key = await gate_key(shop)
    before = await shop.get(path)
    told = await ticket(shop, number, key=key)
    assert (told.status, told.headers["Cache-Control"]) == (200, "no-store")
    assert told.body == {
        "referenceNumber": number,
        "type": "ticket",
        "itemNumber": "31001",
        "description": "Day ticket, adult",
        "status": "Valid",
        "visitDate": today(),
        "visitTime": "10:30:00",
        "persons": 1,
        "usedAt": None,
    }
    used = await redeem(shop, number, key=key)
    assert used.status == 200, used.text
    assert used.body == {**told.body, "status": "Used", "usedAt": used.body["usedAt"]}
    again = await redeem(shop, number, key=key)
    assert (again.status, again.code, again.body["usedAt"]) == (409, "already_used", used.body["usedAt"])
    assert (await ticket(shop, number)).body == used.body
    after = await shop.get(path)
    assert after.body == before.body
    assert (before.headers["ETag"], after.headers["ETag"]) == ('"v4"', '"v5"')
    event = (await shop.get(f"{path}/history")).body[-1]
    assert (event["type"], event["version"], event["actor"]["scope"]) == ("order.redeemed.v1", 5, "gate")
    assert event["data"]["assets"] == [
        {"assetId": (await wallets(shop, path))[0]["assets"][0]["assetId"], "persons": 1}
    ]


async def test_a_draft_lets_nobody_in_until_it_is_confirmed(shop: Shop) -> None:
    path = await shop.draft(items=[line(visitDate=today())])
    (wallet,) = await wallets(shop, path)
    number = wallet["assets"][0]["referenceNumber"]
    assert (await ticket(shop, number)).body["status"] == "Unconfirmed"
    for reference in (number, wallet["walletReferenceNumber"]):
        refused = await redeem(shop, reference)
        assert (refused.status, refused.code, refused.body["currentStatus"]) == (409, "not_valid", "Unconfirmed")
    assert (await shop.call("POST", f"{path}/confirm", {"paymentReference": "PAY"})).status == 200
    assert (await redeem(shop, number)).body["status"] == "Used"


@pytest.mark.parametrize("days", [1, 30])
async def test_before_its_day_a_ticket_is_valid_and_lets_nobody_in(shop: Shop, days: int) -> None:
    path = await shop.issued(items=[line(visitDate=in_days(days))])
    number = (await wallets(shop, path))[0]["assets"][0]["referenceNumber"]
    refused = await redeem(shop, number)
    assert (refused.status, refused.code, refused.body["currentStatus"]) == (409, "not_valid", "Valid")
    assert refused.body["visitDate"] == in_days(days)
    assert refused.body["detail"] == f"This is for {in_days(days)}, and today is {today()}."
    assert (await ticket(shop, number)).body["status"] == "Valid"


async def test_a_cancelled_ticket_is_void_at_once_on_every_instance(shop: Shop, other: Shop) -> None:
    path, (wallet,) = await issued(shop, wallet={"externalReferenceNumbers": ["JD-1"]})
    number = wallet["assets"][0]["referenceNumber"]
    assert (await ticket(other, number)).body["status"] == "Valid"
    assert (await shop.call("DELETE", path)).status == 200
    told = await ticket(other, number)
    assert (told.status, told.body["status"], told.body["usedAt"]) == (200, "Void", None)
    refused = await redeem(other, number)
    assert (refused.status, refused.code, refused.body["currentStatus"]) == (409, "not_valid", "Void")
    for reference in (wallet["walletReferenceNumber"], "JD-1"):
        for gone in (await ticket(other, reference), await redeem(other, reference)):
            assert (gone.status, gone.code) == (404, "resource_not_found")


async def test_what_was_removed_or_replaced_is_void_and_a_references_next_wallet_lives(shop: Shop) -> None:
    items = [line(visitDate=today(), wallet={"externalReferenceNumbers": ["JD-1"]})]
    path = await shop.draft(items=items)
    (old,) = await wallets(shop, path)
    reference = (await shop.get(path)).body["sellToOrderReference"]
    assert (await shop.call("PUT", path, shop.body(items=items, sellToOrderReference=reference))).status == 200
    await shop.settled(path)
    (new,) = await wallets(shop, path)
    assert (await ticket(shop, old["assets"][0]["referenceNumber"])).body["status"] == "Void"
    assert (await ticket(shop, "JD-1")).body["walletReferenceNumber"] == new["walletReferenceNumber"]
    assert (await shop.call("DELETE", path)).status == 200
    assert (await ticket(shop, new["assets"][0]["referenceNumber"])).body["status"] == "Void"
    assert (await ticket(shop, "JD-1")).status == 404
    _, (taker,) = await issued(shop, wallet={"externalReferenceNumbers": ["JD-1"]})
    assert (await redeem(shop, "JD-1")).body["walletReferenceNumber"] == taker["walletReferenceNumber"]


# A wallet


async def test_a_wallet_is_told_with_its_tickets_and_used_with_all_but_its_coupons(shop: Shop) -> None:
    external = "Jane / {2026} Ærø?#%41"
    wallet_texts = {"names": ["Jane <Doe>"], "externalReferenceNumbers": [external]}
    _, (wallet,) = await issued(shop, itemNumber="35001", wallet=wallet_texts)
    told = await ticket(shop, external)
    assert told.status == 200, told.text
    assert (told.body["externalReferenceNumber"], told.body["name"]) == (external, "Jane <Doe>")
    assert told.body["walletReferenceNumber"] == wallet["walletReferenceNumber"]
    numbers = [asset["referenceNumber"] for asset in wallet["assets"]]
    assert told.body["tickets"] == [(await ticket(shop, number)).body for number in numbers]
    used = await redeem(shop, external)
    assert used.status == 200, used.text
    assert [one["status"] for one in used.body["tickets"]] == ["Used", "Used", "Valid"]
    assert len({one["usedAt"] for one in used.body["tickets"][:2]}) == 1
    again = await redeem(shop, wallet["walletReferenceNumber"])
    assert (again.code, again.body["usedAt"]) == ("already_used", used.body["tickets"][0]["usedAt"])
    assert (await redeem(shop, numbers[2])).body["status"] == "Used"


async def test_a_wallet_without_names_of_its_own_is_told_by_its_description_and_number(shop: Shop) -> None:
    _, (wallet,) = await issued(shop, itemNumber="33001")
    own = wallet["walletReferenceNumber"]
    told = (await ticket(shop, own)).body
    assert (told["name"], told["externalReferenceNumber"]) == (COFFEE["description"], own)
    assert [one["status"] for one in (await redeem(shop, own)).body["tickets"]] == ["Used"]


async def test_references_are_told_apart_by_every_character(shop: Shop) -> None:
    _, number = await number_of_one(shop)
    for reference in (number.lower(), f" {number}", f"{number}%00", f"{number}\0", "\0", number[:-1], "..", "redeem"):
        assert (await ticket(shop, reference)).status == 404, reference


# Persons


async def test_of_a_group_as_many_come_in_as_came(shop: Shop) -> None:
    path, number = await number_of_one(shop, itemNumber="31009", quantity=20)
    assert (await ticket(shop, number)).body["persons"] == 20
    for persons in (0, 21, -1, 10**30):
        assert (await redeem(shop, number, {"persons": persons})).faults == [("/persons", "out_of_range")]
    used = await redeem(shop, number, {"persons": 18})
    assert (used.status, used.body["persons"], used.body["status"]) == (200, 20, "Used")
    event = (await shop.get(f"{path}/history")).body[-1]
    assert [asset["persons"] for asset in event["data"]["assets"]] == [18]
    assert (await redeem(shop, number, {"persons": 21})).code == "already_used"


async def test_a_body_with_a_fault_lets_nobody_in(shop: Shop) -> None:
    _, number = await number_of_one(shop)
    log = await shop.log()
    assert (await redeem(shop, number, {"persons": "1"})).faults == [("/persons", "wrong_type")]
    assert (await redeem(shop, number, {"persons": 1.5})).faults == [("/persons", "wrong_type")]
    assert (await redeem(shop, number, {"person": 1})).faults == [("/person", "unknown_field")]
    for reference in (number, "T-none"):
        assert (await redeem(shop, reference, b"{")).code == "malformed_json"
    assert (await redeem(shop, number, {"persons": 2})).faults == [("/persons", "out_of_range")]
    typed = {"Content-Type": "text/plain"}
    wrong = await shop.call("POST", f"/tickets/{number}/redeem", b"{}", key=OPERATOR_KEY, headers=typed)
    assert (wrong.status, wrong.code) == (415, "unsupported_media_type")
    assert await shop.log() == log
    # What is wrong with a body comes after what is wrong with the ticket.
    assert (await redeem(shop, number)).status == 200
    assert (await redeem(shop, number, {"persons": "1"})).code == "already_used"


@pytest.mark.parametrize("body", [b"", b"{}", {"persons": None}, {"persons": 1}])
async def test_the_body_may_be_left_out_or_say_nothing(shop: Shop, body: object) -> None:
    _, number = await number_of_one(shop)
    assert (await redeem(shop, number, body)).status == 200


# Who asks


async def test_a_partner_sees_its_own_tickets_and_lets_nobody_in(shop: Shop) -> None:
    path, (wallet,) = await issued(shop)
    number = wallet["assets"][0]["referenceNumber"]
    stranger = await shop.partner_key(await shop.partner("Other"))
    for reference in (number, wallet["walletReferenceNumber"]):
        assert (await ticket(shop, reference, key=shop.key)).status == 200
        hidden, unknown = await ticket(shop, reference, key=stranger), await ticket(shop, "T-none", key=stranger)
        assert (hidden.status, hidden.body) == (404, unknown.body)
        refused = await redeem(shop, reference, key=shop.key)
        assert (refused.status, refused.code) == (403, "forbidden")
    assert (await shop.call("DELETE", path)).status == 200
    assert (await ticket(shop, number, key=shop.key)).body["status"] == "Void"
    assert (await ticket(shop, number, key=stranger)).status == 404
    assert (await ticket(shop, number, key=await shop.auditor_key())).status == 403


# At the same moment


async def test_of_fifty_scanners_one_lets_in(shop: Shop, other: Shop) -> None:
    _, number = await number_of_one(shop)
    answers = await asyncio.gather(*(redeem((shop, other)[place % 2], number) for place in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 49
    (used_at,) = {answer.body["usedAt"] for answer in answers}
    assert used_at is not None
    assert {answer.code for answer in answers if answer.status == 409} == {"already_used"}


async def test_cancelling_and_letting_in_have_one_winner(shop: Shop, other: Shop) -> None:
    won = set()
    for _ in range(40):
        path, number = await number_of_one(shop)
        cancelled, let_in = await asyncio.gather(shop.call("DELETE", path), redeem(other, number))
        won.add(winner := "guest" if let_in.status == 200 else "agent")
        told = (await ticket(shop, number)).body
        if winner == "guest":
            assert (cancelled.status, cancelled.code) == (409, "ticket_used")
            assert (cancelled.body["currentStatus"], told["status"]) == ("Issued", "Used")
        else:
            assert (cancelled.status, let_in.code, let_in.body["currentStatus"]) == (200, "not_valid", "Void")
            assert told["status"] == "Void"
    assert won == {"guest", "agent"}


async def test_tickets_of_one_order_are_used_at_the_same_moment(shop: Shop, other: Shop) -> None:
    path, held = await issued(shop, quantity=8)
    numbers = [wallet["assets"][0]["referenceNumber"] for wallet in held]
    answers = await asyncio.gather(*(redeem((shop, other)[n % 2], number) for n, number in enumerate(numbers)))
    assert [answer.status for answer in answers] == [200] * 8
    refused = await shop.call("DELETE", path)
    assert (refused.status, refused.code, refused.body["currentStatus"]) == (409, "ticket_used", "Issued")


# Guessing


async def test_who_guesses_is_answered_nothing_for_the_rest_of_the_minute(shop: Shop, other: Shop) -> None:
    _, number = await number_of_one(shop)
    key, second = await gate_key(shop), await gate_key(shop)
    for guess in range(30):
        unknown = await ticket(shop, f"T-{guess}", key=key)
        assert (unknown.status, unknown.code) == (404, "resource_not_found")
        assert unknown.headers["RateLimit-Policy"] == '"unknown-references";q=30;w=60'
        assert unknown.headers["RateLimit"].startswith(f'"unknown-references";r={29 - guess};t=')
    for limited in (await ticket(shop, number, key=key), await redeem(shop, number, key=key)):
        assert (limited.status, limited.code) == (429, "rate_limited")
        assert 50 < int(limited.headers["Retry-After"]) <= 60
        assert limited.headers["RateLimit"].startswith('"unknown-references";r=0;t=')
    assert (await ticket(shop, number, key=second)).status == 200
    assert (await ticket(other, number, key=key)).status == 200  # each process counts its own
    assert 'ota_cm_unknown_references_total{scope="gate"} 30.0' in (await shop.get("/metrics")).text


async def test_of_a_burst_no_more_are_looked_up_than_there_are_guesses(shop: Shop) -> None:
    _, number = await number_of_one(shop)
    key = await gate_key(shop)
    answers = await asyncio.gather(*(ticket(shop, f"T-{guess}", key=key) for guess in range(100)))
    assert sorted(answer.status for answer in answers) == [404] * 30 + [429] * 70
    assert (await ticket(shop, number, key=key)).status == 429


async def test_a_partner_that_asks_for_anothers_tickets_guesses(shop: Shop) -> None:
    _, number = await number_of_one(shop)
    stranger = await shop.partner_key(await shop.partner("Other"))
    answers = [await ticket(shop, number, key=stranger) for _ in range(31)]
    assert [answer.status for answer in answers] == [404] * 30 + [429]
