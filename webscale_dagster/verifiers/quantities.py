"""Reads quantities, numbers with their units, from an answer: ``5 ft 10 in``, ``3 x 10^8 m/s``.

Reads and writes nothing.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers.numerals import Numeral, exact_numerals, unbracketed
from webscale_dagster.verifiers.outcome import ParseError
from webscale_dagster.verifiers.units import Unit, temperature_scale, unit_named

_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?|[°%″′\"']")
_TEMPERATURE = re.compile(
    r"(?:degrees?\s|deg\.?\s|°\s?)(celsius|centigrade|fahrenheit|kelvins?|[CFK])\b"
    r"|(celsius|centigrade|fahrenheit)\b",
    re.IGNORECASE,
)
_GAP = re.compile(r"[ -]?(?:(?:of )?an? )?")
_JOINT = re.compile(r"\s?(/|per\b|[·*⋅])\s?|-(?=[a-z])", re.IGNORECASE)
_POWER_BEFORE = re.compile(r"(?:(square|sq)|cubic|cu)\b\.? ?", re.IGNORECASE)
_POWER_AFTER = re.compile(r"\^\(?(-?[1-4])\)?(?!\d)|([23])(?!\d)| (squared|cubed)\b")
_RUNS_ON = re.compile(r"\.?\s?(?!per\b|and\b)[^\W\d_]")
# The 19th century is no length of time, the 1980s are no seconds.
_NO_MEASURE = re.compile(r"\d(?:st|nd|rd|th)|^\d{3}0'?s", re.IGNORECASE)
_AND = re.compile(r"\s?,?\s?(?:and\s)?")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, if it has one; ``step`` is the value of its last written digit."""

    value: Fraction
    unit: Unit | None
    step: Fraction

    def base(self) -> Fraction:
        """The value in base units."""
        return self.value if self.unit is None else self.value * self.unit.factor + self.unit.zero


@dataclass(frozen=True)
class _Part:
    quantity: Quantity
    start: int
    end: int


@functools.lru_cache(4096)  # a group of completions shares its truth
def quantity(text: str) -> Quantity:
    """The one quantity in a ``plain`` text; ``5 feet 10 inches`` is one, ``5 and 10`` are two."""
    outside = unbracketed(text)
    parts = _parts(outside)
    if not parts:
        raise ParseError("no number in it")
    if len(parts) == 1 or len({part.quantity for part in parts}) == 1:
        return parts[0].quantity
    return _summed(outside, parts)


def read_unit(text: str, at: int = 0) -> tuple[Unit, int] | None:
    """The unit that begins at a place in the text, and where it ends."""
    first = _factor(text, at)
    if first is None:
        return None
    unit, end = first
    for _ in range(4):  # kg·m/s^2 has three factors; more are not written
        joint = _JOINT.match(text, end)
        following = _factor(text, joint.end()) if joint else None
        if joint is None or following is None:
            break
        divides = (joint[1] or "").lower() in ("/", "per")
        unit = unit.times(following[0], -1 if divides else 1)
        end = following[1]
    return unit, end


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    for number in exact_numerals(text):
        # The 2 of `9.8 m/s^2` belongs to the unit.
        if not parts or number.start >= parts[-1].end:
            parts.append(_measured(text, number))
    return parts


def _measured(text: str, number: Numeral) -> _Part:
    if _NO_MEASURE.search(text[number.start : number.end + 2]):
        return _Part(Quantity(number.value, None, number.step), number.start, number.end)
    gap = _GAP.match(text, number.end)
    found = read_unit(text, gap.end() if gap else number.end)
    if found is None:
        return _Part(Quantity(number.value, None, number.step), number.start, number.end)
    return _Part(Quantity(number.value, found[0], number.step), number.start, found[1])


def _summed(text: str, parts: list[_Part]) -> Quantity:
    """Adds quantities of one kind that stand side by side, each smaller in unit than the last."""
    base = Fraction(0)
    for before, part in zip((None, *parts), parts, strict=False):
        unit = part.quantity.unit
        if unit is None or unit.zero:
            raise ParseError("a range or several numbers")
        larger = before.quantity.unit if before else None
        if before and larger:
            smaller = larger.dimension == unit.dimension and larger.factor > unit.factor
            if not (smaller and _AND.fullmatch(text[before.end : part.start])):
                raise ParseError("a range or several numbers")
        base += part.quantity.base()
    last = parts[-1].quantity
    factor = last.unit.factor if last.unit else Fraction(1)
    return Quantity(base / factor, last.unit, last.step)


def _factor(text: str, at: int) -> tuple[Unit, int] | None:
    """One factor of a unit: ``square miles``, ``s^-2``, ``metres cubed``."""
    before = _POWER_BEFORE.match(text, at)
    named = _name(text, before.end() if before else at)
    if named is None:
        return None
    unit, end = named
    if before:
        return _power(unit, 2 if before[1] else 3), end
    after = _POWER_AFTER.match(text, end)
    if after is None:
        return unit, end
    power = int(after[1] or after[2] or {"squared": 2, "cubed": 3}[after[3]])
    return _power(unit, power), after.end()


def _power(unit: Unit, power: int) -> Unit:
    return unit.times(unit, power - 1)


def _name(text: str, at: int) -> tuple[Unit, int] | None:
    """The longest unit name at a place; a symbol must not run on into another word."""
    temperature = _TEMPERATURE.match(text, at)
    if temperature:
        letter = (temperature[1] or temperature[2])[0].upper()
        return temperature_scale(letter), temperature.end()
    first = _TOKEN.match(text, at)
    if first is None:
        return None
    second = _TOKEN.match(text, first.end() + 1) if text[first.end() :][:1] == " " else None
    if second is not None:
        unit = unit_named(f"{first[0]}_{second[0]}")
        if unit is not None:
            return unit, second.end()
    end = first.end()
    unit = unit_named(first[0])
    if unit is None and "-" in first[0]:
        # `km-long` is a length in kilometres; `kilowatt-hour` was found whole.
        end = at + first[0].index("-")
        unit = unit_named(text[at:end])
    if unit is None or (end - at <= 2 and first[0].isalpha() and _RUNS_ON.match(text, end)):
        return None
    return unit, end
