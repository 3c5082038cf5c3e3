"""The table of units against pint, and units that only pint knows."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster.verifiers import parses, units, verify

REGISTRY = pint.UnitRegistry(non_int_type=Fraction)
TABLE = units._units()[0]

# Where pint means another unit by the same name, or another definition of it.
_BARNS = [f"{prefix}b" for prefix in ("", *units._PREFIXES, *units._BINARY)]
EXPLAINED = dict.fromkeys(_BARNS, "pint's barn, not a bit") | {
    "furlong": "pint's has US survey feet, 2 millionths longer",
    "acre": "pint's has US survey feet, 4 millionths larger",
    "AU": "pint's absorbance unit",
    "mcd": "pint's microday",
    "Gb": "pint's gilbert",
    "hbar": "pint's reduced Planck constant",
    "BTU": "pint's is Btu_iso, rounded to 1055.056 J",
    "Btu": "pint's is Btu_iso, rounded to 1055.056 J",
    "rpm": "pint's is in radians",
}
# The base units of what has no dimension in pint: bits, degrees of arc, percent.
WITHOUT_DIMENSION = {7: 1.0, 8: math.pi / 180, 9: 0.01}


def _in_pint(name: str) -> tuple[float, tuple[int, ...]] | None:
    """A unit's size in base units and its dimension, by pint alone."""
    try:
        if not REGISTRY.parse_unit_name(name):
            return None
        base = REGISTRY.Quantity(Fraction(1), name).to_base_units()
    except (ValueError, AttributeError, TypeError):  # a name that is no identifier, decibels
        return None
    names = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
    powers = [int(base.dimensionality.get(f"[{part}]", 0)) for part in names]
    return float(base.magnitude), tuple(powers)


KNOWN = {name: found for name in TABLE if name not in EXPLAINED and (found := _in_pint(name))}


def test_every_unit_that_pint_knows_has_its_size() -> None:
    assert len(KNOWN) > 800
    for name, (size, dimension) in KNOWN.items():
        unit = TABLE[name]
        for place, base in WITHOUT_DIMENSION.items():
            size /= base ** unit.dimension[place]
        assert dimension == unit.dimension[:7], name
        assert math.isclose(size, unit.factor, rel_tol=1e-9), (name, size, float(unit.factor))


@pytest.mark.parametrize("name", sorted(set(EXPLAINED) & set(TABLE)))
def test_the_exceptions_are_needed(name: str) -> None:
    found = _in_pint(name)
    assert found is not None
    size, dimension = found
    same = dimension == TABLE[name].dimension[:7]
    assert not (same and math.isclose(size, TABLE[name].factor, rel_tol=1e-9))


_LENGTHS = sorted(name for name in KNOWN if TABLE[name].dimension == TABLE["m"].dimension)
_ENERGIES = sorted(name for name in KNOWN if TABLE[name].dimension == TABLE["J"].dimension)
_TIMES = sorted(name for name in KNOWN if TABLE[name].dimension == TABLE["s"].dimension)
_PAIRS = st.sampled_from([_LENGTHS, _ENERGIES, _TIMES]).flatmap(
    lambda names: st.tuples(st.sampled_from(names), st.sampled_from(names))
)


@settings(max_examples=100, deadline=None)
@given(_PAIRS, st.integers(1, 10**6))
def test_conversions_agree_with_pint(pair: tuple[str, str], number: int) -> None:
    one, other = pair
    converted = REGISTRY.Quantity(Fraction(number), one).to(other).magnitude
    ours = number * TABLE[one].factor / TABLE[other].factor
    assert math.isclose(converted, ours, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("answer", "truth", "unit", "outcome"),
    [
        ("12 furlongs", "12 furlongs", None, "correct"),
        ("1.5 miles", "12 furlongs", None, "correct"),
        ("12", "12 furlongs", "furlong", "correct"),
        ("12 miles", "12", "furlongs", "wrong"),
        ("5 dynes", "5", "dyne", "correct"),
        ("5", "5", "dyne", "correct"),
        ("50 micronewtons", "5", "dyne", "correct"),
        ("5 newtons", "5", "dyne", "wrong"),
        ("5 kg", "5", "dyne", "unparseable"),
        ("1 poundal", "13825.5", "dynes", "correct"),
        ("2 poundals", "2", "dyne", "wrong"),
        ("28 lb", "2", "stone", "correct"),
        ("20 pecks", "5", "bushels", "correct"),
        ("735.5 watts", "1", "metric horsepower", "correct"),
        ("5 cats", "5", "cats", "correct"),
        ("5 dogs", "5", "cat", "correct"),
        ("42 widgets", "42", "widgets", "correct"),
        ("42 km", "42", "widgets", "correct"),
    ],
)
def test_units_of_the_options(answer: str, truth: str, unit: str | None, outcome: str) -> None:
    found = verify("number", answer, truth, unit=unit)
    assert found.outcome == outcome, found.reason


@pytest.mark.parametrize("name", ["cat", "mdyn", "degF", "dB", "dozen", "gauss", "x", "a/b", ""])
def test_what_is_no_plain_unit_is_not_asked_for(name: str) -> None:
    assert units.rare_unit(name) is None


def test_a_prefix_that_is_spelled_out_is_one() -> None:
    milli, whole = units.rare_unit("millidyne"), units.rare_unit("dyne")
    assert milli is not None
    assert whole is not None
    assert milli.factor * 1000 == whole.factor == Fraction(1, 100_000)


def test_without_pint_the_options_unit_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    caches: list[Any] = [units.rare_unit, units._pint]
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "pint", None)
    try:
        assert parses("number", "5 dynes", unit="dyne") is None
        assert verify("number", "5 dynes", "5", unit="dyne").outcome == "correct"
    finally:
        for cached in caches:
            cached.cache_clear()
