"""Planning an issuance: every wallet, its assets and its price, or a refusal that says what cannot be had."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.catalog.items import Catalog, Item
from domain.crockford import check_holds
from domain.issuance.issuance import Issuance
from domain.issuance.issuer import IssuanceRefused
from domain.issuance.plan import Chance, plan
from domain.issuance.random_stream import RandomStream
from domain.order.content import OrderContent, OrderLine
from tests.unit.order.bodies import CATALOG, NOW

JOB = UUID(int=77)
SEED = bytes(range(32))

TICKET = OrderLine("31001", 2, date(2026, 12, 1), time(10, 30), sell_to_language="DAN")
COUPON = OrderLine("33001", 1, date(2026, 12, 1), time(10, 30))


def planned(*lines: OrderLine, catalog: Catalog | None = CATALOG, **changes: Any) -> Issuance:
    whole: dict[str, Any] = {
        "content": OrderContent(lines=lines),
        "catalog": catalog,
        "catalog_version": 3,
        "job_id": JOB,
        "issued_at": NOW,
        "seed": SEED,
        "partner_language": None,
    }
    return plan(**{**whole, **changes})


def refusal(*lines: OrderLine, **changes: Any) -> tuple[str, str]:
    with pytest.raises(IssuanceRefused) as caught:
        planned(*lines, **changes)
    return caught.value.reason, caught.value.status_message


def test_a_ticket_line_becomes_a_wallet_with_a_ticket_for_each() -> None:
    issuance = planned(TICKET, COUPON)
    assert (issuance.job_id, issuance.catalog_version, issuance.issued_at) == (JOB, 3, NOW)
    tickets, coupons = issuance.lines
    assert [len(line.wallets) for line in issuance.lines] == [2, 1]
    for wallet in tickets.wallets:
        [asset] = wallet.assets
        assert (asset.type, asset.item_number, asset.persons) == ("ticket", "31001", 1)
        assert asset.description == tickets.description == "Dagsbillet, voksen"
        assert re.fullmatch(r"T\d{12}[A-Z]{6}", asset.reference_number)
        assert (wallet.unit_price_excl_vat, wallet.unit_price_incl_vat) == (Decimal("100.00"), Decimal("125.00"))
    [coupon] = coupons.wallets[0].assets
    assert (coupon.type, coupon.description) == ("coupon", "Coffee")
    assert re.fullmatch(r"C[A-Z0-9]{13}", coupon.reference_number)


def test_totals_are_the_sums_over_the_wallets() -> None:
    totals = planned(TICKET, COUPON).totals
    assert [str(amount) for amount in (totals.excl_vat, totals.vat, totals.incl_vat)] == ["224.00", "56.00", "280.00"]
    assert totals.currency_code == "DKK"


def test_a_description_is_in_the_orders_language_or_the_partners_where_the_line_names_none() -> None:
    line = OrderLine("31001", 1, date(2026, 12, 1), time(10, 30))
    in_german = OrderContent(lines=(line,), sell_to_language="DEU")
    assert planned(content=in_german, partner_language="DAN").lines[0].description == "Tageskarte"
    assert planned(line, partner_language="DAN").lines[0].description == "Dagsbillet, voksen"


def test_the_catalog_in_force_rules_the_price_and_the_text() -> None:
    dearer = replace(CATALOG.items[0], unit_price_incl_vat=Decimal("250"), descriptions={})
    issuance = planned(TICKET, catalog=replace(CATALOG, items=(dearer,)))
    assert str(issuance.totals.incl_vat) == "500.00"
    assert issuance.lines[0].description == "Day ticket, adult"


def test_a_wallet_reference_number_can_be_read_aloud_and_checked() -> None:
    for wallet in planned(TICKET).lines[0].wallets:
        number = wallet.wallet_reference_number
        assert re.fullmatch(r"W[0-9A-HJKMNP-TV-Z]{14}", number)
        assert check_holds(number[1:])


# What always holds


@st.composite
def orders(draw: st.DrawFn) -> tuple[Catalog, tuple[OrderLine, ...]]:
    amounts = st.decimals(0, 10_000, places=2) | st.integers(0, 10_000).map(Decimal)
    items = tuple(
        Item(
            str(number),
            draw(st.sampled_from(["ticket", "coupon"])),
            "Text",
            draw(amounts),
            draw(st.decimals(0, 100, places=1)),
            number_pattern=draw(st.sampled_from(["T[N*12][A*6]", "[AN*13]", "W[N*20]"])),
        )
        for number in range(draw(st.integers(1, 3)))
    )
    lines = tuple(
        OrderLine(draw(st.sampled_from(items)).item_number, draw(st.integers(1, 5)), date(2026, 12, 1), time(10))
        for _ in range(draw(st.integers(1, 4)))
    )
    return replace(CATALOG, items=items), lines


@settings(deadline=None)
@given(orders(), st.binary(min_size=32, max_size=40))
def test_sums_are_exact_numbers_distinct_and_ids_unique(
    order: tuple[Catalog, tuple[OrderLine, ...]], seed: bytes
) -> None:
    catalog, lines = order
    issuance = planned(*lines, catalog=catalog, seed=seed)
    assert [len(line.wallets) for line in issuance.lines] == [line.quantity for line in lines]
    wallets = [wallet for line in issuance.lines for wallet in line.wallets]
    assets = [asset for wallet in wallets for asset in wallet.assets]
    totals = issuance.totals
    assert totals.incl_vat == sum(wallet.unit_price_incl_vat for wallet in wallets)
    assert totals.excl_vat == sum(wallet.unit_price_excl_vat for wallet in wallets)
    assert totals.vat == totals.incl_vat - totals.excl_vat
    amounts = [totals.incl_vat, totals.excl_vat, totals.vat, *(wallet.unit_price_excl_vat for wallet in wallets)]
    assert all(amount.as_tuple().exponent == -2 for amount in amounts)
    numbers = [wallet.wallet_reference_number for wallet in wallets] + [asset.reference_number for asset in assets]
    assert len(set(numbers)) == len(numbers)
    ids = [wallet.wallet_id for wallet in wallets] + [uuid for asset in assets for uuid in (asset.id, asset.asset_id)]
    assert len(set(ids)) == len(ids)
    assert {(uuid.version, uuid.variant) for uuid in ids} == {(4, "specified in RFC 4122")}


def test_the_same_job_gives_the_same_numbers_whenever_it_is_tried() -> None:
    later = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert planned(TICKET, COUPON, issued_at=later) == replace(planned(TICKET, COUPON), issued_at=later)


def test_another_seed_gives_other_numbers() -> None:
    def numbers(issuance: Issuance) -> set[str]:
        wallets = [wallet for line in issuance.lines for wallet in line.wallets]
        return {asset.reference_number for wallet in wallets for asset in wallet.assets}

    assert not numbers(planned(TICKET)) & numbers(planned(TICKET, seed=bytes(32)))


def test_what_the_partner_gave_a_wallet_is_not_given_to_another() -> None:
    [first, _] = planned(TICKET).lines[0].wallets
    given_by_partner = replace(TICKET, external_reference_numbers=(first.wallet_reference_number, ""))
    numbers = [wallet.wallet_reference_number for wallet in planned(given_by_partner).lines[0].wallets]
    assert first.wallet_reference_number not in numbers
    assert len(set(numbers)) == 2


# What cannot be had


def test_an_item_that_left_the_catalog_is_named_with_its_line() -> None:
    gone = replace(CATALOG, items=CATALOG.items[1:])
    assert refusal(COUPON, TICKET, catalog=gone) == (
        "unknown_item",
        "Line 200000: item 31001 on 2026-12-01 10:30:00 cannot be issued. It is not in the venue's catalog any more.",
    )


def test_without_a_catalog_nothing_is_issued() -> None:
    assert refusal(TICKET, catalog=None)[0] == "unknown_item"


@pytest.mark.parametrize("item", ["31005", "31009", "40001"])
def test_what_cannot_be_issued_yet_is_not_on_sale(item: str) -> None:
    reason, message = refusal(replace(TICKET, item_number=item))
    assert reason == "not_on_sale"
    assert f"item {item}" in message


def test_an_item_that_went_off_sale_is_refused() -> None:
    ended = replace(CATALOG.items[0], sale_to=date(2026, 11, 30))
    reason, message = refusal(TICKET, catalog=replace(CATALOG, items=(ended,)))
    assert reason == "not_on_sale"
    assert message.endswith("This is sold for visits until 2026-11-30.")


def test_a_day_that_was_closed_meanwhile_is_refused() -> None:
    closed = replace(CATALOG.admissions[0], closed=(date(2026, 12, 1),))
    reason, _ = refusal(TICKET, catalog=replace(CATALOG, admissions=(closed, CATALOG.admissions[1])))
    assert reason == "closed_day"


def test_a_day_that_went_by_while_the_order_waited_is_refused() -> None:
    next_day = datetime(2026, 12, 1, 23, 0, 1, tzinfo=UTC)
    assert refusal(TICKET, issued_at=next_day)[0] == "past_date"
    assert planned(TICKET, issued_at=datetime(2026, 12, 1, 22, 59, tzinfo=UTC)).lines[0].wallets


def test_a_refusal_names_the_first_lines_and_counts_the_others() -> None:
    _, message = refusal(*[replace(TICKET, item_number="99999")] * 8)
    assert [f"Line {number}00000:" in message for number in (1, 5, 6)] == [True, True, False]
    assert message.endswith("And 3 more.")


# Chance


@given(st.lists(st.integers(0, 700), max_size=8))
def test_a_stream_gives_the_same_bytes_however_they_are_taken(sizes: list[int]) -> None:
    stream, whole = RandomStream(SEED), RandomStream(SEED).take(sum(sizes))
    assert b"".join(stream.take(size) for size in sizes) == whole


def test_a_stream_needs_a_seed_that_cannot_be_guessed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        RandomStream(bytes(31))


def test_a_number_that_is_taken_is_drawn_again() -> None:
    first = Chance(SEED, ()).number("[AN*13]")
    again = Chance(SEED, [first]).number("[AN*13]")
    assert again != first


def test_a_ticket_without_a_pattern_is_no_ticket() -> None:
    broken = replace(CATALOG.items[3], number_pattern=None)
    with pytest.raises(ValueError, match="number pattern"):
        planned(COUPON, catalog=replace(CATALOG, items=(broken,)))
