"""Amounts in a currency's own minor digits: exact, and without exponents wherever they are written."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from msgspec import Struct

# ISO 4217, list one (SIX, the maintenance agency), as in force at the beginning of 2026: every code with minor digits.
# Codes without (metals, drawing rights, testing) price nothing.
_CODES_BY_DIGITS: Final[Mapping[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
        "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
        "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
        "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
        "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
        "VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_DIGITS: Final[Mapping[str, int]] = {
    code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()
}
"""How many decimals each currency has."""

_UNITS: Final[Mapping[str, Decimal]] = {code: Decimal(1).scaleb(-digits) for code, digits in MINOR_DIGITS.items()}

# More digits than any amount has: a quotient or a sum is rounded once, to the currency, and by nothing before.
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Totals(Struct, frozen=True, rename="camel"):
    """An order's totals; excl_vat + vat = incl_vat, exactly."""

    excl_vat: Decimal
    vat: Decimal
    incl_vat: Decimal
    currency_code: str


def quantise(amount: Decimal, currency: str) -> Decimal:
    """The amount with exactly the currency's decimals, half-even. Raises KeyError for an unknown currency.

    Written, it never has an exponent: `1E+2` becomes `100.00`.
    """
    return _EXACT.plus(_EXACT.quantize(amount, _UNITS[currency]))  # plus: zero has no sign


def decimals_of(amount: Decimal) -> int:
    """With how many decimals the amount is written, zeros at the end too. Raises ValueError for NaN and infinities."""
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"not an amount: {amount}")
    return max(0, -exponent)


def excl_vat(incl_vat: Decimal, vat_percent: Decimal, currency: str) -> Decimal:
    """incl_vat ÷ (1 + vat_percent/100), rounded once, half-even, to the currency's decimals.

    In whole numbers: a quotient that was rounded on its way could come to stand on a half that it was not.
    """
    digits = MINOR_DIGITS[currency]
    gross, gross_scale = quantise(incl_vat, currency).as_integer_ratio()
    vat, vat_scale = vat_percent.as_integer_ratio()
    dividend = gross * 100 * vat_scale * 10**digits
    divisor = gross_scale * (100 * vat_scale + vat)
    whole, rest = divmod(dividend, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-digits, _EXACT)


def totals(wallets: Iterable[tuple[Decimal, Decimal]], currency: str) -> Totals:
    """The sums over an order's wallets, each given as (price without VAT, price with VAT); VAT is the difference."""
    excl = incl = Decimal(0)
    for wallet_excl, wallet_incl in wallets:
        excl = _EXACT.add(excl, wallet_excl)
        incl = _EXACT.add(incl, wallet_incl)
    excl, incl = quantise(excl, currency), quantise(incl, currency)
    return Totals(
        excl_vat=excl, vat=quantise(_EXACT.subtract(incl, excl), currency), incl_vat=incl, currency_code=currency
    )
