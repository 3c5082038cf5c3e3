r"""Tells whether two expressions are equal, by their values.

    \frac{x^2-1}{x-1}   and   x + 1     agree wherever both have a value: equal

Rational arithmetic is exact. Else both are computed to 100 digits, with symbols at points that
nobody can know before both expressions are there. What would take long is refused before it is
computed. Reads and writes nothing.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, reduce
from typing import Any

from webscale_dagster.verifiers.expressions import TooLargeError, Tree
from webscale_dagster.verifiers.outcome import OptionError, ParseError

_DIGITS = 100
_ALIKE = 80  # digits in which equal values agree
_MOST_BITS = 200_000  # of an exact number
_LARGEST = 1_000_000  # an exponent, or the argument of a function
_MOST_FACTORIAL = 5_000
_SIGNS = (1, 1, 1, -1, 0)  # of the symbols at each point: positive, negative, some of both
_LOGARITHMS = ("log", "ln", "lg")
_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}

Compare = Callable[[Any, Any], bool]


class Undefined(ArithmeticError):
    """An expression without a value at a point, such as a division by zero."""


def equal(truth: Tree, answer: Tree) -> bool:
    """Whether two expressions have the same value, whatever their symbols stand for."""
    # Mathematicians write log for ln, engineers for the logarithm to base 10.
    tens = (False, True) if truth.has("log") or answer.has("log") else (False,)
    return any(_agree(truth, answer, _close, ten) for ten in tens)


def proportional(truth: Tree, answer: Tree) -> int:
    """The sign of the constant that is the quotient of two expressions; 0 if there is none."""
    ratios: list[Any] = []

    def same_ratio(one: Any, other: Any) -> bool:
        if one == 0 or other == 0:
            raise Undefined("no quotient")
        ratios.append(_real(one) / _real(other))
        return _close(ratios[-1] / ratios[0], Fraction(1))

    if not _agree(truth, answer, same_ratio) or not _is_real(ratios[0]):
        return 0
    return 1 if ratios[0].real > 0 else -1


def computable(tree: Tree) -> None:
    """Raises ``ParseError`` where an expression has no value, or one that would take too long."""
    point = {name: _sample(name, 1) for name in tree.symbols()}
    try:
        _value(tree, point)
    except (Undefined, ZeroDivisionError) as error:
        if not point:
            raise ParseError(str(error)) from error


def value(tree: Tree) -> Any:
    """The value of an expression without symbols: a ``Fraction``, or a number of ``mpmath``."""
    return _value(tree, {})


def as_fraction(given: Any) -> Fraction:
    """A real value as a fraction, within the precision it was computed with."""
    if isinstance(given, Fraction):
        return given
    if not _is_real(given):
        raise Undefined("it is not real")
    mantissa, exponent = _context().mpf(given.real).man_exp
    if abs(exponent) > _MOST_BITS:
        raise Undefined("it is too large or too small")
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if given.real < 0 else size


def _agree(truth: Tree, answer: Tree, same: Compare, ten: bool = False) -> bool:
    symbols = sorted(truth.symbols() | answer.symbols())
    seed = f"{_fingerprint(truth)} {_fingerprint(answer)}"
    agreed = 0
    for index, sign in enumerate(_SIGNS if symbols else _SIGNS[:1]):
        point = {name: _sample(f"{name} {seed} {index}", sign) for name in symbols}
        try:
            one, other = _value(truth, point, ten), _value(answer, point, ten)
            alike = same(one, other)
        except (Undefined, ZeroDivisionError):
            continue
        # Roots and logarithms of negative numbers are usually ruled out by what the symbols mean.
        if not alike and (sign > 0 or (_is_real(one) and _is_real(other))):
            return False
        agreed += alike
    return agreed >= min(2, len(symbols) + 1)


def _fingerprint(tree: Tree) -> int:
    value = f"{tree.number.numerator % 999_983}/{tree.number.denominator % 999_983}"
    parts = " ".join(str(_fingerprint(part)) for part in tree.parts)
    return zlib.crc32(f"{tree.head} {value} {parts}".encode())


def _sample(seed: str, sign: int) -> Any:
    """A value for a symbol, between 1/2 and 3 apart from its sign."""
    bits = zlib.crc32(seed.encode())
    return (_real(Fraction(bits % 999_983, 399_989)) + 0.5) * (sign or (-1) ** (bits % 2))


@cache
def _context() -> Any:
    try:
        from mpmath.ctx_mp import MPContext
    except ImportError as error:
        raise OptionError("no mpmath to compute with: pip install math-verify") from error
    context = MPContext()
    context.dps = _DIGITS
    return context


def _real(given: Any) -> Any:
    if isinstance(given, Fraction):
        return _context().mpf(given.numerator) / given.denominator
    return given


def _is_real(given: Any) -> bool:
    return isinstance(given, Fraction) or abs(given.imag) <= abs(given) * _accuracy()


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    one, other = _real(one), _real(other)
    scale = max(abs(one), abs(other), _context().mpf(10) ** (_ALIKE - _DIGITS + 10))
    return bool(abs(one - other) <= scale * _accuracy())


def _accuracy() -> Any:
    return _context().mpf(10) ** -_ALIKE


def _value(tree: Tree, point: Mapping[str, Any], ten: bool = False) -> Any:
    if tree.head == "number":
        return tree.number
    if tree.head.startswith("symbol "):
        return point[tree.head]
    if tree.head in ("pi", "e", "i"):
        return _context().mpc(0, 1) if tree.head == "i" else +getattr(_context(), tree.head)
    parts = [_value(part, point, ten) for part in tree.parts]
    if tree.head in ("+", "*"):
        return reduce(_plus if tree.head == "+" else _times, parts)
    if tree.head in _LOGARITHMS:
        return _logarithm(tree.head, parts, ten)
    operation = _OPERATIONS.get(tree.head)
    return operation(*parts) if operation else _called(tree.head, parts[0])


def _plus(one: Any, other: Any) -> Any:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return _affordable(one + other)
    return _real(one) + _real(other)


def _times(one: Any, other: Any) -> Any:
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return _affordable(one * other)
    return _real(one) * _real(other)


def _affordable(given: Fraction) -> Fraction:
    if max(given.numerator.bit_length(), given.denominator.bit_length()) > _MOST_BITS:
        raise TooLargeError("a number too large to be computed")
    return given


def _inverse(given: Any) -> Any:
    if given == 0:
        raise Undefined("a division by zero")
    return 1 / given


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _LARGEST:
        raise TooLargeError("an exponent too large to be computed")
    if base == 0:
        if not (_is_real(exponent) and _real(exponent).real > 0):
            raise Undefined("zero to the power of zero, or of less")
        return Fraction(0)
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent) > _MOST_BITS:
            raise TooLargeError("a power too large to be computed")
        if exponent.denominator == 1:
            return base ** int(exponent)
    if abs(_context().mag(_real(base))) * abs(_real(exponent)) > 10 * _MOST_BITS:
        raise TooLargeError("a power too large to be computed")
    return _context().power(_real(base), _real(exponent))


def _root(radicand: Any, degree: Any) -> Any:
    odd = isinstance(degree, Fraction) and degree.denominator == 1 and degree % 2 == 1
    if odd and _is_real(radicand) and _real(radicand).real < 0:  # the real one
        return -_power(-radicand, 1 / degree)
    return _power(radicand, _inverse(degree))


def _factorial(given: Any) -> Any:
    if abs(given) > _MOST_FACTORIAL:
        raise TooLargeError("a factorial too large to be computed")
    if isinstance(given, Fraction) and given.denominator == 1:
        if given < 0:
            raise Undefined("the factorial of a negative number")
        return Fraction(math.factorial(int(given)))
    return _context().gamma(_real(given) + 1)


def _binomial(n: Any, k: Any) -> Any:
    return _times(_factorial(n), _inverse(_times(_factorial(k), _factorial(_plus(n, -k)))))


def _floor(given: Any) -> Fraction:
    return Fraction(math.floor(as_fraction(given)))


def _ceil(given: Any) -> Fraction:
    return Fraction(math.ceil(as_fraction(given)))


def _logarithm(name: str, parts: Sequence[Any], ten: bool) -> Any:
    if any(part == 0 for part in parts):
        raise Undefined("the logarithm of zero")
    logarithm = _context().log(_real(parts[0]))
    if len(parts) > 1:
        return logarithm / _context().log(_real(parts[1]))
    return logarithm / _context().log(10) if name == "lg" or ten else logarithm


def _called(name: str, argument: Any) -> Any:
    if abs(argument) > _LARGEST:
        raise TooLargeError("the argument of a function is too large to be computed")
    found = getattr(_context(), _NAMES.get(name, name))(_real(argument))
    if not _context().isfinite(found):
        raise Undefined(f"no value of {name}")
    return found


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "-": lambda given: -given,
    "inverse": _inverse,
    "^": _power,
    "root": _root,
    "!": _factorial,
    "binom": _binomial,
    "abs": abs,
    "floor": _floor,
    "ceil": _ceil,
}
