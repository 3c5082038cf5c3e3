"""The answer type ``currency``: an amount of money.

Options: ``unit`` names the currency of amounts without one (and which dollar ``$`` is);
``tolerance`` as for numbers, in the truth's currency; ``question``: where it asks for a price, a
bare number is an amount in the truth's currency. Currencies are never converted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers.number import compare, tolerance_of
from webscale_dagster.verifiers.numerals import Numeral, exact_numerals, plain, unbracketed
from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError

_ISO_4217 = (
    "USD EUR GBP JPY CNY INR AUD CAD CHF SEK NOK DKK NZD SGD HKD KRW BRL MXN RUB ZAR TRY PLN THB"
    " ILS IDR MYR PHP CZK HUF AED SAR EGP NGN KES PKR BDT VND ARS CLP COP TWD UAH"
)
_CODES = _ISO_4217.split()
# Longest first: `US$` before `$`. A bare dollar is the American one unless the options say.
_SIGNS = {
    "US$": "USD", "CA$": "CAD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD",
    "MX$": "MXN", "A$": "AUD", "C$": "CAD", "S$": "SGD", "R$": "BRL", "$": "$", "€": "EUR",
    "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₪": "ILS",
    "฿": "THB", "₫": "VND", "₦": "NGN",
    "₱": "PHP", "₴": "UAH", "zł": "PLN", "Rs": "INR", "RMB": "CNY",
}  # fmt: skip
_NAMES = {
    "american dollar": "USD", "us dollar": "USD", "u.s. dollar": "USD", "canadian dollar": "CAD",
    "australian dollar": "AUD", "new zealand dollar": "NZD", "hong kong dollar": "HKD",
    "singapore dollar": "SGD", "dollar": "$", "buck": "$", "euro": "EUR", "pound": "GBP",
    "british pound": "GBP", "pounds sterling": "GBP", "pound sterling": "GBP", "quid": "GBP",
    "yen": "JPY", "japanese yen": "JPY", "yuan": "CNY", "renminbi": "CNY", "rupee": "INR",
    "indian rupee": "INR", "swiss franc": "CHF", "franc": "CHF", "won": "KRW", "ruble": "RUB",
    "rouble": "RUB", "rand": "ZAR", "peso": "MXN", "krona": "SEK", "kronor": "SEK", "zloty": "PLN",
    "shekel": "ILS", "baht": "THB", "lira": "TRY", "real": "BRL", "reais": "BRL",
}  # fmt: skip
_MINOR = {"cent": "$", "¢": "$", "penny": "GBP", "pence": "GBP", "p": "GBP", "eurocent": "EUR"}
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN"})
_ASKS_PRICE = re.compile(
    r"\b(?:how much|prices?d?|costs?|pay|paid|worth|fees?|salary|wages?|revenues?|spen[dt])\b",
    re.IGNORECASE,
)
_SHORT_SCALES = {"k": 10**3, "m": 10**6, "mm": 10**6, "mio": 10**6, "b": 10**9, "t": 10**12}


def _either(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_BEFORE = re.compile(rf"(-?)(?:({_either(list(_SIGNS))})|\b({'|'.join(_CODES)}))\.? ?(-?)$")
_MINUS_BEFORE = re.compile(r"\b(?:minus|negative)\s?$", re.IGNORECASE)
_SCALE = re.compile(rf"[ ]?({_either(list(_SHORT_SCALES))})\b", re.IGNORECASE)
_AFTER = re.compile(
    rf" ?(?:({_either(list(_SIGNS))})(?![A-Za-z])|({'|'.join(_CODES)})\b"
    rf"|({_either(list(_NAMES))})s?\b|({_either(list(_MINOR))})s?(?![A-Za-z]))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Amount:
    """An amount of money and its ISO 4217 code, None where the question leaves it open."""

    value: Fraction
    currency: str | None


def parse(text: str, options: Options) -> Amount:
    """The one amount; ``5 dollars and 20 cents`` is one."""
    tolerance_of(options, Fraction(1))
    default = _default(options)
    outside = unbracketed(plain(text))
    found = [_amount(outside, number, default) for number in exact_numerals(outside)]
    if not found:
        raise ParseError("no number in it")
    value, currency, _ = found[0]
    if len(found) == 2 and found[1][1:] == (currency, True):
        value += found[1][0]
    elif len(set(found)) > 1:
        raise ParseError("a range or several amounts")
    if currency is None and not _ASKS_PRICE.search(str(options.get("question") or "")):
        raise ParseError("no currency in it")
    return Amount(value, currency)


def differs(answer: Amount, truth: Amount, options: Options) -> str | None:
    """Two amounts differ in currency, or by more than the tolerance."""
    if answer.currency and truth.currency and answer.currency != truth.currency:
        return f"in {answer.currency}, the truth is in {truth.currency}"
    return compare(answer.value, truth.value, tolerance_of(options, truth.value))


def _default(options: Options) -> str | None:
    given = options.get("unit")
    if given is None:
        return None
    if isinstance(given, str):
        if given.upper() in _CODES:
            return given.upper()
        name = _SIGNS.get(given) or _NAMES.get(given.lower().removesuffix("s"))
        if name:
            return "USD" if name == "$" else name
    raise OptionError("unit of a currency must be an ISO code like 'USD', a sign or a name")


def _amount(text: str, number: Numeral, default: str | None) -> tuple[Fraction, str | None, bool]:
    """An amount, its currency, and whether it is written in cents or pence."""
    value, end = number.value, number.end
    before = _BEFORE.search(text, max(0, number.start - 8), number.start)
    after = _AFTER.match(text, end)
    scale = _SCALE.match(text, end)
    if scale and (before or _AFTER.match(text, scale.end())):
        value, end = value * _SHORT_SCALES[scale[1].lower()], scale.end()
        after = _AFTER.match(text, end)
    currency, minor = default, False
    if before:
        currency = _SIGNS[before[2]] if before[2] else before[3]
        minus = "-" in (before[1], before[4]) or _MINUS_BEFORE.search(text[: before.start()])
        value = -abs(value) if minus or value < 0 else value
        if currency == "$" and after and after[2]:  # $5 million CAD
            currency = after[2].upper()
    elif after:
        currency, minor = _named(after)
    if currency == "$":
        currency = default if default in _DOLLARS or (minor and default) else "USD"
    return value / 100 if minor else value, currency, minor


def _named(after: re.Match[str]) -> tuple[str, bool]:
    if after[1]:
        signs = {sign.lower(): code for sign, code in _SIGNS.items()}
        return signs[after[1].lower()], False
    if after[2]:
        return after[2].upper(), False
    if after[3]:
        return _NAMES[after[3].lower()], False
    return _MINOR[after[4].lower()], True
