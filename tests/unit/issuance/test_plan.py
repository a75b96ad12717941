"""Planning an issuance: every wallet, its assets and its price. What cannot be had is in `test_line_items.py`."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.catalog.items import Catalog, Component
from domain.crockford import check_holds
from domain.issuance.issuance import Asset
from domain.issuance.plan import Chance
from domain.issuance.random_stream import RandomStream
from domain.order.content import OrderContent, OrderLine
from tests.unit.issuance.planning import (
    COUPON,
    DAY,
    GROUP,
    JOB,
    MORNING,
    PACKAGE,
    SEED,
    TICKET,
    TOUR,
    numbers,
    planned,
)
from tests.unit.order.bodies import CATALOG, NOW


def package_of(*components: Component) -> Catalog:
    """The catalog with these in its package."""
    *others, package = CATALOG.items
    return replace(CATALOG, items=(*others, replace(package, components=components)))


def kinds(assets: tuple[Asset, ...]) -> list[tuple[str, str, int]]:
    return [(asset.type, asset.item_number, asset.persons) for asset in assets]


# What a line becomes


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


def test_a_timed_ticket_is_issued_like_any_other() -> None:
    [wallet] = planned(TOUR).lines[0].wallets
    assert kinds(wallet.assets) == [("ticket", "31005", 1)]


def test_a_group_becomes_one_wallet_with_one_ticket_for_all() -> None:
    [wallet] = planned(GROUP).lines[0].wallets
    assert kinds(wallet.assets) == [("ticket", "31009", 24)]


def test_a_package_line_becomes_a_wallet_with_everything_in_it_for_each() -> None:
    line = planned(replace(PACKAGE, quantity=3)).lines[0]
    assert line.description == "Tour and coffee"
    assert [kinds(wallet.assets) for wallet in line.wallets] == [[("ticket", "31005", 1), ("coupon", "33001", 1)]] * 3


def test_a_component_comes_as_often_as_the_package_says_and_a_group_ticket_once_for_so_many_persons() -> None:
    catalog = package_of(Component("31009", 12), Component("33001", 2), Component("31001", 3))
    wallets = planned(replace(PACKAGE, quantity=2), catalog=catalog).lines[0].wallets
    expected = [("ticket", "31009", 12), *[("coupon", "33001", 1)] * 2, *[("ticket", "31001", 1)] * 3]
    assert [kinds(wallet.assets) for wallet in wallets] == [expected] * 2


# Texts


def test_a_description_is_in_the_orders_language_or_the_partners_where_the_line_names_none() -> None:
    line = OrderLine("31001", 1, DAY, MORNING)
    in_german = OrderContent(lines=(line,), sell_to_language="DEU")
    assert planned(content=in_german, partner_language="DAN").lines[0].description == "Tageskarte"
    assert planned(line, partner_language="DAN").lines[0].description == "Dagsbillet, voksen"


def test_what_is_in_a_package_is_described_in_the_lines_language_where_there_is_a_text() -> None:
    catalog = package_of(Component("31001", 1), Component("33001", 1))
    [line] = planned(replace(PACKAGE, sell_to_language="DEU"), catalog=catalog).lines
    assert line.description == "Tour and coffee"
    assert [asset.description for asset in line.wallets[0].assets] == ["Tageskarte", "Coffee"]


def test_the_catalog_rules_the_price_and_the_text() -> None:
    dearer = replace(CATALOG.items[0], unit_price_incl_vat=Decimal("250"), descriptions={})
    issuance = planned(TICKET, catalog=replace(CATALOG, items=(dearer,)))
    assert str(issuance.totals.incl_vat) == "500.00"
    assert issuance.lines[0].description == "Day ticket, adult"


# Prices


def test_totals_are_the_sums_over_the_wallets() -> None:
    totals = planned(TICKET, COUPON).totals
    assert [str(amount) for amount in (totals.excl_vat, totals.vat, totals.incl_vat)] == ["224.00", "56.00", "280.00"]
    assert totals.currency_code == "DKK"


def test_a_groups_wallet_costs_the_price_of_all_its_persons_and_vat_is_taken_off_once() -> None:
    catalog = replace(CATALOG, items=(replace(CATALOG.items[2], unit_price_incl_vat=Decimal("0.07")),))
    issuance = planned(GROUP, catalog=catalog)
    [wallet] = issuance.lines[0].wallets
    # 24 x 0.07 / 1.25 is 1.344; 24 times the rounded 0.06 would be 1.44.
    assert (str(wallet.unit_price_incl_vat), str(wallet.unit_price_excl_vat)) == ("1.68", "1.34")
    assert str(issuance.totals.incl_vat) == "1.68"


def test_a_package_costs_its_own_price_and_not_that_of_its_parts() -> None:
    catalog = package_of(Component("31009", 12), Component("33001", 2))
    issuance = planned(replace(PACKAGE, quantity=2), catalog=catalog)
    assert [str(wallet.unit_price_incl_vat) for wallet in issuance.lines[0].wallets] == ["100.00", "100.00"]
    assert str(issuance.totals.incl_vat) == "200.00"


@pytest.mark.parametrize(
    ("currency", "price", "incl", "excl"),
    [
        ("DKK", "1000000000", "9999000000000.00", "7999200000000.00"),
        ("JPY", "1000000000", "9999000000000", "7999200000000"),
        ("KWD", "0.001", "9.999", "7.999"),  # 7.9992
        ("CLF", "999999999.9999", "9998999999999.0001", "7999199999999.2001"),  # ...2000.08
    ],
)
def test_the_dearest_group_is_priced_to_the_last_digit(currency: str, price: str, incl: str, excl: str) -> None:
    venue = replace(CATALOG.venue, currency_code=currency)
    school = replace(CATALOG.items[2], unit_price_incl_vat=Decimal(price))
    issuance = planned(replace(GROUP, quantity=9999), catalog=replace(CATALOG, venue=venue, items=(school,)))
    [wallet] = issuance.lines[0].wallets
    assert (str(wallet.unit_price_incl_vat), str(wallet.unit_price_excl_vat)) == (incl, excl)
    assert (str(issuance.totals.incl_vat), str(issuance.totals.excl_vat)) == (incl, excl)


# Numbers


def test_a_wallet_reference_number_can_be_read_aloud_and_checked() -> None:
    for wallet in planned(TICKET).lines[0].wallets:
        number = wallet.wallet_reference_number
        assert re.fullmatch(r"W[0-9A-HJKMNP-TV-Z]{14}", number)
        assert check_holds(number[1:])


def test_the_same_job_gives_the_same_numbers_whenever_it_is_tried() -> None:
    later = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    lines = (TICKET, COUPON, GROUP, PACKAGE)
    assert planned(*lines, issued_at=later) == replace(planned(*lines), issued_at=later)


def test_another_seed_gives_other_numbers() -> None:
    assert not {*numbers(planned(TICKET, PACKAGE))} & {*numbers(planned(TICKET, PACKAGE, seed=bytes(32)))}


def test_what_the_partner_gave_a_wallet_is_not_given_to_another() -> None:
    [first, _] = planned(TICKET).lines[0].wallets
    given_by_partner = replace(TICKET, external_reference_numbers=(first.wallet_reference_number, ""))
    drawn = [wallet.wallet_reference_number for wallet in planned(given_by_partner).lines[0].wallets]
    assert first.wallet_reference_number not in drawn
    assert len(set(drawn)) == 2


def test_what_others_have_is_not_drawn_and_again_the_same_is() -> None:
    lines = (TICKET, PACKAGE)
    taken = {numbers(planned(*lines))[0], numbers(planned(*lines))[-1]}
    again = planned(*lines, avoid=taken)
    assert not taken & {*numbers(again)}
    assert len({*numbers(again)}) == len(numbers(planned(*lines)))
    assert planned(*lines, avoid=sorted(taken)) == again


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
