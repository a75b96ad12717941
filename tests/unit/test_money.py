"""Currencies, VAT and totals: exact, rounded once, written without exponents."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.money import MINOR_DIGITS, decimals_of, excl_vat, quantise, totals

CURRENCIES = st.sampled_from(["JPY", "DKK", "KWD", "CLF"])
AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=4)
PERCENTS = st.decimals(min_value=0, max_value=100, places=4)


def d(written: str) -> Decimal:
    return Decimal(written)


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("DKK", 2), ("EUR", 2), ("KWD", 3), ("CLF", 4)])
def test_a_currency_has_its_own_digits(currency: str, digits: int) -> None:
    assert MINOR_DIGITS[currency] == digits


@pytest.mark.parametrize("code", ["XAU", "XXX", "XTS", "dkk", "DM", "DEM", ""])
def test_what_prices_nothing_is_no_currency(code: str) -> None:
    assert code not in MINOR_DIGITS


def test_every_code_has_three_letters_and_one_place() -> None:
    assert len(MINOR_DIGITS) == 165
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in MINOR_DIGITS)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("1E+2", "DKK", "100.00"),
        ("125", "DKK", "125.00"),
        ("0", "KWD", "0.000"),
        ("0E+30", "JPY", "0"),
        ("-0.0", "DKK", "0.00"),
        ("-0.004", "DKK", "0.00"),
        ("0.005", "DKK", "0.00"),
        ("0.015", "DKK", "0.02"),
        ("2.5", "JPY", "2"),
        ("123456789012345678901234567890.5", "KWD", "123456789012345678901234567890.500"),
    ],
)
def test_an_amount_is_written_with_its_currencys_digits(amount: str, currency: str, written: str) -> None:
    assert str(quantise(d(amount), currency)) == written


def test_an_unknown_currency_has_no_amounts() -> None:
    with pytest.raises(KeyError):
        quantise(d("1"), "XXX")


@pytest.mark.parametrize(
    ("amount", "decimals"), [("125", 0), ("125.0", 1), ("125.00", 2), ("1E+2", 0), ("1E-3", 3), ("0.000", 3)]
)
def test_decimals_are_counted_as_written(amount: str, decimals: int) -> None:
    assert decimals_of(d(amount)) == decimals


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_what_is_no_amount_has_no_decimals(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        decimals_of(d(amount))


@pytest.mark.parametrize(
    ("incl", "percent", "currency", "excl"),
    [
        ("125.00", "25", "DKK", "100.00"),
        ("160.00", "25", "DKK", "128.00"),
        ("0", "25", "DKK", "0.00"),
        ("99.99", "0", "DKK", "99.99"),
        ("0.01", "100", "DKK", "0.00"),  # 0.005: to the even one
        ("0.03", "100", "DKK", "0.02"),  # 0.015: to the even one
        ("0.05", "100", "DKK", "0.02"),  # 0.025: to the even one
        ("10.00", "8.1", "EUR", "9.25"),
        ("1000", "10", "JPY", "909"),
        ("1.000", "5", "KWD", "0.952"),
    ],
)
def test_the_price_without_vat(incl: str, percent: str, currency: str, excl: str) -> None:
    assert str(excl_vat(d(incl), d(percent), currency)) == excl


@given(AMOUNTS, PERCENTS, CURRENCIES)
@example(d("0.01"), d("100"), "DKK")
def test_the_price_without_vat_is_the_nearest_amount_and_of_two_the_even_one(
    amount: Decimal, percent: Decimal, currency: str
) -> None:
    incl = quantise(amount, currency)
    scale = 10 ** MINOR_DIGITS[currency]
    exact = Fraction(incl) / (1 + Fraction(percent) / 100)
    assert Fraction(excl_vat(incl, percent, currency)) * scale == round(exact * scale)


@given(st.lists(st.tuples(AMOUNTS, PERCENTS), max_size=20), CURRENCIES)
def test_totals_are_the_sums_over_the_wallets_and_vat_the_difference(
    wallets: list[tuple[Decimal, Decimal]], currency: str
) -> None:
    prices = [
        (excl_vat(quantise(amount, currency), percent, currency), quantise(amount, currency))
        for amount, percent in wallets
    ]
    total = totals(prices, currency)
    assert Fraction(total.incl_vat) == sum(Fraction(incl) for _, incl in prices)
    assert Fraction(total.excl_vat) == sum(Fraction(excl) for excl, _ in prices)
    assert Fraction(total.excl_vat) + Fraction(total.vat) == Fraction(total.incl_vat)
    assert total.currency_code == currency
    for amount in (total.excl_vat, total.vat, total.incl_vat):
        assert decimals_of(amount) == MINOR_DIGITS[currency]
        assert "E" not in str(amount)


def test_totals_in_json() -> None:
    written = msgspec.json.Encoder(decimal_format="number").encode(totals([(d("100"), d("125"))] * 3, "DKK"))
    assert written == b'{"exclVat":300.00,"vat":75.00,"inclVat":375.00,"currencyCode":"DKK"}'


def test_totals_of_nothing_are_zero() -> None:
    assert str(totals([], "KWD").vat) == "0.000"
