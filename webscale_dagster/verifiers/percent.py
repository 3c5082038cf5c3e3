"""The answer type ``percent``: a share of a hundred; a number without a sign is in percent.

Option ``tolerance``: a number (in percentage points) or a text like ``"1%"`` (relative).
"""

from __future__ import annotations

import re
from fractions import Fraction

from webscale_dagster.verifiers.number import compare, tolerance_of
from webscale_dagster.verifiers.numerals import only_numeral, plain, stands_alone, unbracketed
from webscale_dagster.verifiers.outcome import Options, ParseError

_SIGN = re.compile(
    r"[ -]?(?:(%|percentage points?\b|percent(?:age)?\b|per cent\b|pct\b|pp\b)"
    r"|(‰|per mille?\b|permille\b)|(basis points?\b|bps?\b))",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"/|half|third|quarter|fifth|tenth", re.IGNORECASE)


def parse(text: str, options: Options) -> Fraction:
    """The share in percent."""
    tolerance_of(options, Fraction(1))
    outside = unbracketed(plain(text))
    number = only_numeral(outside)
    sign = _SIGN.match(outside, number.end)
    if sign and sign[2]:
        return number.value / 10
    if sign and sign[3]:
        return number.value / 100
    if sign is None and (not stands_alone(outside, number) or _FRACTION.search(outside)):
        raise ParseError("a number of something, not a percentage")
    return number.value


def differs(answer: Fraction, truth: Fraction, options: Options) -> str | None:
    """Two percentages differ by more than the tolerance."""
    return compare(answer, truth, tolerance_of(options, truth))
