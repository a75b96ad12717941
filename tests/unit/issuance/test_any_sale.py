"""What holds for every catalog and every order that it accepts: 10,000 of them, a share for each kind of promise."""

import re
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog.items import Catalog, Item, description
from domain.catalog.publishing import CATALOG_READER, catalog_faults
from domain.catalog.showing import catalog_json
from domain.crockford import check_holds
from domain.issuance.issuance import Asset, Issuance, IssuedLine
from domain.money import MINOR_DIGITS
from domain.order.content import OrderLine
from services.api.order_answer import encode_answer
from tests.unit.issuance.any_sale import FORMS, Sale, any_sale
from tests.unit.issuance.planning import numbers, planned

SALES = st.randoms(use_true_random=True).map(any_sale)
SHARE = settings(max_examples=2500)
"""Of four tests, 10,000 examples together."""


def issued(sale: Sale, **changes: object) -> Issuance:
    return planned(content=sale.content, catalog=sale.catalog, seed=sale.seed, **changes)


def item_of(catalog: Catalog, number: str) -> Item:
    item = catalog.item(number)
    assert item is not None
    return item


def lines_of(sale: Sale, issuance: Issuance) -> list[tuple[OrderLine, Item, IssuedLine]]:
    return [
        (line, item_of(sale.catalog, line.item_number), made)
        for line, made in zip(sale.content.lines, issuance.lines, strict=True)
    ]


def assets_of(issuance: Issuance) -> list[Asset]:
    return [asset for line in issuance.lines for wallet in line.wallets for asset in wallet.assets]


@pytest.mark.no_cover
@SHARE
@given(SALES)
def test_sums_are_exact_and_a_wallet_costs_what_its_item_says(sale: Sale) -> None:
    issuance = issued(sale)
    totals = issuance.totals
    wallets = [wallet for line in issuance.lines for wallet in line.wallets]
    assert sum(Fraction(wallet.unit_price_incl_vat) for wallet in wallets) == Fraction(totals.incl_vat)
    assert sum(Fraction(wallet.unit_price_excl_vat) for wallet in wallets) == Fraction(totals.excl_vat)
    assert Fraction(totals.excl_vat) + Fraction(totals.vat) == Fraction(totals.incl_vat)
    assert totals.currency_code == sale.catalog.venue.currency_code
    unit = 10 ** MINOR_DIGITS[totals.currency_code]
    for line, item, made in lines_of(sale, issuance):
        gross = Fraction(item.unit_price_incl_vat) * (line.quantity if item.group_ticket else 1)
        net = gross / (1 + Fraction(item.vat_percent) / 100)
        for wallet in made.wallets:
            assert Fraction(wallet.unit_price_incl_vat) == gross
            assert Fraction(wallet.unit_price_excl_vat) * unit == round(net * unit)  # of two, the even one


@pytest.mark.no_cover
@SHARE
@given(SALES)
def test_amounts_are_json_numbers_with_the_digits_of_the_currency(sale: Sale) -> None:
    issuance = issued(sale)
    digits = MINOR_DIGITS[issuance.totals.currency_code]
    amount = r"(?:0|[1-9][0-9]*)" + (rf"\.[0-9]{{{digits}}}" if digits else "")
    written = re.findall(
        r'"(?:unitPriceExclVat|unitPriceInclVat|exclVat|inclVat|vat)":([^,}]+)', encode_answer(issuance).decode()
    )
    assert len(written) == 3 + 2 * sum(len(line.wallets) for line in issuance.lines)
    assert all(re.fullmatch(amount, text) for text in written), written


@pytest.mark.no_cover
@SHARE
@given(SALES)
def test_a_line_becomes_what_the_contract_says(sale: Sale) -> None:
    issuance = issued(sale)
    for line, item, made in lines_of(sale, issuance):
        own = sale.content.sell_to_language if not isinstance(line.sell_to_language, str | None) else None
        language = line.sell_to_language or own or sale.catalog.venue.language
        assert isinstance(language, str)
        assert made.description == description(item, language)
        expected: Counter[tuple[str, str, str, int]] = Counter()
        held = [(item, line.quantity if item.group_ticket else 1)]
        if item.is_package:
            held = [(item_of(sale.catalog, part.item_number), part.quantity) for part in item.components]
        for part, quantity in held:
            persons, count = (quantity, 1) if part.group_ticket else (1, quantity)
            expected[part.kind, part.item_number, description(part, language), persons] += count
        assert len(made.wallets) == (1 if item.group_ticket else line.quantity)
        for wallet in made.wallets:
            found = Counter((one.type, one.item_number, one.description, one.persons) for one in wallet.assets)
            assert found == expected
            assert len(wallet.assets) <= 20


@pytest.mark.no_cover
@SHARE
@given(SALES)
def test_numbers_match_their_patterns_all_differ_and_the_same_job_has_the_same(sale: Sale) -> None:
    issuance = issued(sale)
    for asset in assets_of(issuance):
        pattern = item_of(sale.catalog, asset.item_number).number_pattern
        assert pattern is not None
        assert re.fullmatch(FORMS[pattern], asset.reference_number)
    wallets = [wallet for line in issuance.lines for wallet in line.wallets]
    assert all(check_holds(wallet.wallet_reference_number[1:]) for wallet in wallets)
    external = [text for line in sale.content.lines for text in line.external_reference_numbers if text]
    shown = numbers(issuance) + external
    assert len(set(shown)) == len(shown)
    ids = [wallet.wallet_id for wallet in wallets]
    ids += [uuid for asset in assets_of(issuance) for uuid in (asset.id, asset.asset_id)]
    assert len(set(ids)) == len(ids)
    assert {(uuid.version, uuid.variant) for uuid in ids} == {(4, "specified in RFC 4122")}
    assert issued(sale) == issuance
    taken = shown[:: max(1, len(shown) // 3)]
    assert not {*taken} & {*numbers(issued(sale, avoid=taken))}


@settings(max_examples=200)
@given(SALES)
def test_the_catalogs_are_such_as_can_be_published(sale: Sale) -> None:
    reading = CATALOG_READER.read(encode_answer(catalog_json(sale.catalog, 1)))
    assert not reading.report(catalog_faults(reading.value, sale.catalog.venue.id))
