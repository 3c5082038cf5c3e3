"""Units and their sizes: SI with prefixes, imperial and US customary, time, data.

Factors to SI base units are exact: BIPM SI brochure (9th edition), NIST SP 811 appendix B.8, and
IAU 2012 B2 for astronomical lengths. A month is a twelfth of a year, a year 365.25 days.
What the table lacks can be asked of pint by its full name. Reads and writes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

# Exponents of metre, kilogram, second, ampere, kelvin, mole, candela, bit, degree of arc, percent.
Dimension = tuple[int, ...]
_BASE = ("m", "kg", "s", "A", "K", "mol", "cd", "bit", "deg", "pct")


@dataclass(frozen=True)
class Unit:
    """A unit: what it measures, its size in base units, and its zero (temperatures)."""

    dimension: Dimension
    factor: Fraction
    zero: Fraction = Fraction(0)

    def times(self, other: Unit, power: int = 1) -> Unit:
        """This unit multiplied by a power of another."""
        pairs = zip(self.dimension, other.dimension, strict=True)
        dimension = tuple(mine + power * theirs for mine, theirs in pairs)
        return Unit(dimension, self.factor * other.factor**power)


# dimension | size in base units | symbols | names. `*` before a symbol or name: takes SI prefixes.
_TABLE = """
m|1|*m|*metre *meter
m|0.0254|in ″ "|inch inches
m|0.3048|ft ′ '|foot feet
m|0.9144|yd yds|yard
m|1609.344|mi|mile
m|1852|nmi|nautical_mile
m|201.168||furlong
m|149597870700|au AU|astronomical_unit
m|9460730472580800|ly|light_year lightyear
m|30856775814913673|*pc|*parsec
m|1/10000000000|Å|angstrom ångström
m|1/1000000||micron
kg|1/1000|*g|*gram *gramme
kg|1000|t|tonne metric_ton
kg|907.18474||ton short_ton
kg|0.45359237|lb lbs|pound
kg|0.028349523125|oz|ounce
kg|1/5000|ct|carat karat
s|1|*s sec secs|*second
s|60|min mins|minute
s|3600|h hr hrs|hour
s|86400|d|day
s|604800|wk wks|week
s|1209600||fortnight
s|2629800|mo|month
s|31557600|yr yrs y|year *annum
s|315576000||decade
s|3155760000||century centuries
s|31557600000||millennium millennia
A|1|*A|*ampere *amp
K|1|*K|*kelvin
mol|1|*mol|*mole
cd|1|*cd|*candela
bit|1|*b *bit bits|*bit
bit|8|*B|*byte
deg|1|° deg|degree
deg|1/60||arcminute
deg|1/3600||arcsecond
deg|180000000000000/3141592653590|rad|radian
pct|1|%|percent per_cent percentage_point
s-1|1|*Hz|*hertz
s-1|1/60|rpm|
m kg s-2|1|*N|*newton
m kg s-2|4.4482216152605|lbf|pound-force
m2 kg s-2|1|*J|*joule
m2 kg s-2|4.184|*cal|*calorie
m2 kg s-2|3600|*Wh|watt_hour watt-hour
m2 kg s-2|3600000||kilowatt_hour kilowatt-hour
m2 kg s-2|1055.05585262|BTU Btu|
m2 kg s-2|1.602176634/10000000000000000000|*eV|*electronvolt
m2 kg s-3|1|*W|*watt
m2 kg s-3|745.69987158227022|hp|horsepower
m-1 kg s-2|1|*Pa|*pascal
m-1 kg s-2|100000|*bar|*bar
m-1 kg s-2|101325|atm|atmosphere
m-1 kg s-2|6894.757293168361|psi|
m-1 kg s-2|133.322387415|mmHg|
s A|1|*C|*coulomb
m2 kg s-3 A-1|1|*V|*volt
m2 kg s-3 A-2|1|*Ω *ohm|
m-2 kg-1 s4 A2|1|*F|*farad
m2 kg s-2 A-2|1|*H|*henry
kg s-2 A-1|1|*T|*tesla
m3|0.001|*L *l|*litre *liter
m3|0.003785411784|gal|gallon
m3|0.000946352946|qt|quart
m3|0.000473176473|pt|pint
m3|0.0002365882365||cup
m3|0.0000295735295625||fluid_ounce
m2|10000|ha|hectare
m2|4046.8564224||acre
m s-1|1397/3125|mph|
m s-1|1852/3600|kn kt|knot
m s-1|1000/3600|kph kmh|
"""
_CELSIUS_ZERO = Fraction("273.15")
_FAHRENHEIT_ZERO = Fraction("459.67") * Fraction(5, 9)
_PREFIXES = {
    "p": ("pico", -12),
    "n": ("nano", -9),
    "µ": ("micro", -6),
    "u": ("micro", -6),
    "m": ("milli", -3),
    "c": ("centi", -2),
    "d": ("deci", -1),
    "h": ("hecto", 2),
    "k": ("kilo", 3),
    "M": ("mega", 6),
    "G": ("giga", 9),
    "T": ("tera", 12),
    "P": ("peta", 15),
}
_BASE_OF_PINT = dict(
    zip(
        ("length", "mass", "time", "current", "temperature", "substance", "luminosity"),
        _BASE,
        strict=False,
    )
)
_BINARY = {"Ki": ("kibi", 10), "Mi": ("mebi", 20), "Gi": ("gibi", 30), "Ti": ("tebi", 40)}


def unit_named(name: str) -> Unit | None:
    """The unit of a symbol or name; case counts only where it must (``mW`` is not ``MW``)."""
    exact, folded = _units()
    name = name.replace("μ", "µ")  # the Greek letter, which NFKC makes of the micro sign
    if name in exact:
        return exact[name]
    lower = name.casefold()
    for form in (lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if len(form) > 1 and form in folded:
            return folded[form]
    return None


@cache
def rare_unit(name: str) -> Unit | None:
    """The unit that pint knows by exactly this name (``dyne``); None without pint.

    pint takes a ``cat`` for a hundredth of a technical atmosphere: prefixes must be spelled out.
    Units without dimension, with a zero of their own, or of the Gaussian system are left out.
    """
    registry = _pint()
    spelled = name.strip().replace(" ", "_")
    if registry is None or not re.fullmatch(r"[^\W\d]\w{2,59}", spelled):
        return None
    try:
        prefix, unit, suffix = registry.parse_unit_name(spelled)[0]
        if prefix and spelled != f"{prefix}{unit}{suffix}":
            return None
        one, none = (registry.Quantity(Fraction(size), prefix + unit) for size in (1, 0))
        base = one.to_base_units()
        powers = {part.strip("[]"): power for part, power in base.dimensionality.items()}
        if none.to_base_units().magnitude or any(power % 1 for power in powers.values()):
            return None
        made = [f"{_BASE_OF_PINT[part]}{int(power)}" for part, power in powers.items()]
        return Unit(_dimension(" ".join(made)), Fraction(base.magnitude)) if made else None
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return None


@cache
def _pint() -> Any:
    try:
        from pint import UnitRegistry
    except ImportError:
        return None
    return UnitRegistry(non_int_type=Fraction)


def temperature_scale(letter: str) -> Unit:
    """The scale of a temperature: C, F or K."""
    factor, zero = {
        "C": (Fraction(1), _CELSIUS_ZERO),
        "F": (Fraction(5, 9), _FAHRENHEIT_ZERO),
        "K": (Fraction(1), Fraction(0)),
    }[letter]
    return Unit(_dimension("K"), factor, zero)


@cache
def _units() -> tuple[dict[str, Unit], dict[str, Unit | None]]:
    """Units by exact name, and by folded name (None where folding makes two units one)."""
    exact: dict[str, Unit] = {}
    for row in _TABLE.strip().splitlines():
        dimension, size, symbols, names = row.split("|")
        over, _, under = size.partition("/")
        unit = Unit(_dimension(dimension), Fraction(over) / Fraction(under or 1))
        for symbol in symbols.split():
            exact.update(_prefixed(symbol, unit, place=0))
        for name in names.split():
            exact.update(_prefixed(name, unit, place=1))
    folded: dict[str, Unit | None] = {}
    for name, unit in exact.items():
        key = name.casefold()
        folded[key] = unit if folded.get(key, unit) == unit else None
    return exact, folded


def _prefixed(name: str, unit: Unit, place: int) -> dict[str, Unit]:
    """A unit under its name, and its multiples where the name takes prefixes."""
    if not name.startswith("*"):
        return {name: unit}
    made = {name[1:]: unit}
    scales = {prefix: Fraction(10) ** prefix[1][1] for prefix in _PREFIXES.items()}
    if unit.dimension == _dimension("bit"):
        scales |= {prefix: Fraction(2) ** prefix[1][1] for prefix in _BINARY.items()}
    for (symbol, (word, _)), scale in scales.items():
        prefix = word if place else symbol
        made[prefix + name[1:]] = Unit(unit.dimension, unit.factor * scale)
    return made


def _dimension(text: str) -> Dimension:
    powers = dict.fromkeys(_BASE, 0)
    for name, power in re.findall(r"([A-Za-z]+)(-?\d)?", text):
        powers[name] = int(power or 1)
    return tuple(powers.values())
