"""The answer type ``duration``: a length of time, in convertible units.

Options ``unit`` and ``tolerance`` as for numbers. ``1:30:00`` is hours, minutes, seconds. Twelve
months are a year, but a month is no fixed number of days: ``30 days`` is not ``1 month``.
"""

from __future__ import annotations

import re
from fractions import Fraction

from webscale_dagster.verifiers import number
from webscale_dagster.verifiers.numerals import plain
from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.quantities import Quantity
from webscale_dagster.verifiers.units import unit_named

_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
_AND_A_HALF = re.compile(r"\b(?:an?|one) (\w+) and a half\b", re.IGNORECASE)
_A_UNIT = re.compile(
    r"\b(?<!half )an? (?=(?:second\W*$|minute|hour|day|week|fortnight|month|year|decade|century"
    r"|millennium)\b)",
    re.IGNORECASE,
)
# In a duration `m` stands for minutes, not for metres.
_MINUTES = re.compile(r"(?<=\d)\s?m(?=\s?\d|\s|$)")
_JOINED = re.compile(r"(?<=\d)\s?([hd])(?=\d)", re.IGNORECASE)


def parse(text: str, options: Options) -> Quantity:
    """The duration; a bare number takes the unit of the options."""
    normal = plain(text)
    clock = _CLOCK.fullmatch(normal)
    if clock:
        hours, minutes, seconds = map(int, clock.groups())
        value = Fraction(3600 * hours + 60 * minutes + seconds)
        return Quantity(value, unit_named("s"), Fraction(1))
    normal = _AND_A_HALF.sub(r"1.5 \1", normal)
    normal = _A_UNIT.sub("1 ", normal)
    normal = _MINUTES.sub(" min ", _JOINED.sub(r" \1 ", normal))
    found = number.parse(normal.strip(), options)
    if found.unit is None:
        raise ParseError("no unit of time")
    second = unit_named("s")
    if second is None or found.unit.dimension != second.dimension:
        raise ParseError("its unit does not measure time")
    return found


def differs(answer: Quantity, truth: Quantity, options: Options) -> str | None:
    """Two durations differ by more than the tolerance."""
    return number.differs(answer, truth, options)
