"""The answer type ``number``: a number, with or without a unit.

Options: ``unit`` is the unit of numbers written without one, from ``units.py`` or by the full name
that pint has for it; ``tolerance`` is a number (absolute, in the truth's unit) or a text like
``"1%"`` (relative). Without tolerance a number in the truth's unit must be equal; in another unit,
equal up to the digits it is written with.

A truth without unit says nothing about units: ``42 km`` is right where the truth is ``42``, since
the unit is then in the question. A truth with a unit needs one in the answer, or in the option
``question``: "How many minutes …" gives a bare number its unit.
"""

from __future__ import annotations

import re
from fractions import Fraction

from webscale_dagster.verifiers.numerals import numerals, plain
from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError
from webscale_dagster.verifiers.quantities import Quantity, quantity, read_unit
from webscale_dagster.verifiers.units import Unit, rare_unit

# Converted values are rounded as written, but never by more than this.
_MOST_ROUNDING = Fraction(1, 100)
_WORD_AFTER = re.compile(r"\d[ -]?([^\W\d_]{3,40})(?![^\W_])")
_ASKS_UNIT = re.compile(
    r"\bhow many |\bin (?=degrees |feet\b|met|mil|kilo|inch|pound)", re.IGNORECASE
)


def parse(text: str, options: Options) -> Quantity:
    """The quantity; a bare number takes the unit of the options."""
    tolerance_of(options, Fraction(1))
    found = quantity(plain(text))
    unit = _unit_option(options) or (_unit_asked(options) if found.unit is None else None)
    if found.unit is None and unit is not None:
        return Quantity(found.value, _written_unit(plain(text), unit, options), found.step)
    if found.unit is not None and unit is not None and found.unit.dimension != unit.dimension:
        raise ParseError(f"its unit does not measure what {options['unit']!r} measures")
    return found


def differs(answer: Quantity, truth: Quantity, options: Options) -> str | None:
    """Two quantities differ by their kind of unit, or by more than the tolerance."""
    if truth.unit is None:
        return compare(answer.value, truth.value, tolerance_of(options, truth.value))
    if answer.unit is None:
        return "no unit, where the truth has one"
    if answer.unit.dimension != truth.unit.dimension:
        return "its unit measures something else"
    in_truths_unit = (answer.base() - truth.unit.zero) / truth.unit.factor
    allowed = tolerance_of(options, truth.value)
    if answer.unit != truth.unit:
        allowed = max(allowed, _rounding(answer, truth.unit, in_truths_unit))
    return compare(in_truths_unit, truth.value, allowed)


def compare(answer: Fraction, truth: Fraction, allowed: Fraction) -> str | None:
    """Why a value is not the true one, within what is allowed."""
    if abs(answer - truth) <= allowed:
        return None
    return f"{_shown(answer)} is not {_shown(truth)}"


def tolerance_of(options: Options, truth: Fraction) -> Fraction:
    """The tolerance in the truth's unit."""
    given = options.get("tolerance")
    if given is None:
        return Fraction(0)
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 <= given < 1e300:
        return Fraction(str(given))
    if isinstance(given, str) and len(given) < 40:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", given)
        if found:
            return Fraction(found[1]) * (abs(truth) / 100 if found[2] else 1)
    raise OptionError("tolerance must be a number of at least 0, or a percentage like '1%'")


def _unit_option(options: Options) -> Unit | None:
    given = options.get("unit")
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip() or len(given) > 60:
        raise OptionError("unit must be the name of a unit")
    if re.match(r"\s*[-+.\d]", given) or numerals(f"1 {given}")[0].value != 1:
        raise OptionError(f"unit {given!r} must not scale the number: write the number out")
    found = read_unit(plain(given))
    return found[0] if found else rare_unit(plain(given))


def _unit_asked(options: Options) -> Unit | None:
    """The unit that the question asks for."""
    question = options.get("question")
    if not isinstance(question, str):
        return None
    for match in _ASKS_UNIT.finditer(question):
        found = read_unit(question, match.end())
        if found:
            return found[0]
    return None


def _written_unit(text: str, unit: Unit, options: Options) -> Unit:
    """The unit after the number, where only pint knows it and the options' unit, of one kind."""
    if options.get("unit") is None or read_unit(plain(options["unit"])):
        return unit
    word = _WORD_AFTER.search(text)
    written = rare_unit(word[1]) if word else None
    return written if written and written.dimension == unit.dimension else unit


def _rounding(answer: Quantity, unit: Unit, value: Fraction) -> Fraction:
    """Half the answer's last written digit, in another unit."""
    factor = answer.unit.factor if answer.unit else Fraction(1)
    return min(answer.step * factor / unit.factor / 2, abs(value) * _MOST_ROUNDING)


def _shown(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    try:
        return f"{float(value):.12g}"
    except OverflowError:
        return f"a number with {len(str(abs(value.numerator)))} digits"
