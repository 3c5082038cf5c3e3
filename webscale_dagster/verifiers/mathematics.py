r"""The answer type ``math``: an expression, a set, a tuple, an interval, an equation, a matrix.

    \boxed{x = \dfrac{\sqrt{12}}{4}}     is     $\frac{\sqrt3}{2}$

Written in LaTeX or plain text. Equal spellings are equal, rational numbers are compared exactly,
other expressions by their values; the rest is left to math-verify. A unit, a name (``x =``) and a
degree sign count only where answer and truth both have one. A decimal is exact, unless it agrees
with the truth in six decimals. Several values are right only where the truth has several.

Option ``tolerance``: a number, or a text like ``"1%"`` (relative), for values that are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from webscale_dagster.verifiers import symbolic
from webscale_dagster.verifiers.expressions import Tree, number
from webscale_dagster.verifiers.latex import tokens
from webscale_dagster.verifiers.number import tolerance_of
from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.statements import said_words, stated, variants
from webscale_dagster.verifiers.structures import Node, structure
from webscale_dagster.verifiers.units import Unit, unit_named
from webscale_dagster.verifiers.values import (
    Undefined,
    as_fraction,
    computable,
    equal,
    proportional,
    value,
)

_MOST_CHARS = 1_000
_DECIMAL = re.compile(r"0*(\d*)\.(\d{6,})")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_PER_HUNDRED = number(Fraction(1, 100))
_PER_DEGREE = Tree("*", (Tree("pi"), number(Fraction(1, 180))))
_SCALES = {"%": _PER_HUNDRED, "°": _PER_DEGREE}


@dataclass(frozen=True)
class Mathematics:
    """An answer: its words if it may be words, and the ways to read it as mathematics."""

    words: tuple[str, ...]
    readings: tuple[Node, ...]


def parse(text: str, options: Options) -> Mathematics:
    """The mathematics of an answer; ``text`` is as it was written."""
    tolerance_of(options, Fraction(1))
    if len(text) > _MOST_CHARS:
        raise ParseError(f"{len(text)} characters are too long for mathematics")
    try:
        return _read(text)
    except RecursionError as error:
        raise ParseError("mathematics that is nested too deep") from error


@lru_cache(maxsize=4096)  # a truth is compared with many answers
def _read(text: str) -> Mathematics:
    found, words = stated(text), said_words(text)
    if found is None:
        if not words:
            raise ParseError("no mathematics in it")
        return Mathematics(words, ())
    readings, problem = [], None
    for variant in variants(found):
        try:
            node = structure(tokens(variant))
            _check(node)
            readings.append(node)
        except ParseError as error:
            problem = problem or error
    if problem and not readings:
        raise problem
    return Mathematics(words if _LETTERS.fullmatch(found) else (), tuple(readings))


def differs(answer: Mathematics, truth: Mathematics, options: Options) -> str | None:
    """Two answers differ when no reading of one is a reading of the other."""
    if answer.words and answer.words == truth.words:
        return None
    for of_truth in truth.readings:
        for of_answer in answer.readings:
            if _same(of_truth, of_answer, options):
                return None
    return "another value" if truth.readings and answer.readings else "other words"


def _check(node: Node) -> None:
    """Raises ``ParseError`` for what cannot be compared later."""
    if node.tree:
        computable(node.tree)
    if node.kind == "foreign":
        symbolic.readable(node.tokens)
    for part in node.parts:
        _check(part)


def _same(truth: Node, answer: Node, options: Options) -> bool:
    if truth.tokens == answer.tokens and truth.mark == answer.mark:
        return True
    if "named" in (truth.kind, answer.kind) or "relation" in (truth.kind, answer.kind):
        return _same_relation(truth, answer, options)
    if truth.kind in ("value", "foreign") and answer.kind in ("value", "foreign"):
        return _same_value(truth, answer, options)
    if "union" in (truth.kind, answer.kind) or "foreign" in (truth.kind, answer.kind):
        return _same_set(truth, answer, options)
    if "value" in (truth.kind, answer.kind) or "matrix" in (truth.kind, answer.kind):
        return truth.kind == answer.kind and _in_order(truth.parts, answer.parts, options)
    return _same_sequence(truth, answer, options)


def _same_relation(truth: Node, answer: Node, options: Options) -> bool:
    """``x = 5`` is 5, unless the other has a name too; ``2x = 10`` is only ``x = 5``."""
    if truth.kind == "named":
        if answer.kind not in ("named", "relation"):
            return _same(truth.parts[0], answer, options)
        if answer.kind == "named" and answer.mark == truth.mark:
            return _same(truth.parts[0], answer.parts[0], options)
    elif truth.kind != "relation" and answer.parts:
        return _same(truth, answer.parts[0], options)
    relations = {truth.kind, answer.kind} <= {"named", "relation"}
    if not relations or truth.tree is None or answer.tree is None:
        return "=" not in (truth.mark, answer.mark) and _same_set(truth, answer, options)
    signs = [node.mark if node.kind == "relation" else "=" for node in (truth, answer)]
    factor = proportional(truth.tree, answer.tree)
    if factor:
        return signs[0] == (_FLIPPED.get(signs[1], signs[1]) if factor < 0 else signs[1])
    return signs == ["=", "="] and _solved(truth, answer)


def _solved(truth: Node, answer: Node) -> bool:
    """Whether two equations have the same solutions: ``y = 1/x`` and ``xy = 1``."""
    if not (truth.tree and answer.tree) or truth.tree.symbols() != answer.tree.symbols():
        return False
    return symbolic.same(truth.tokens, answer.tokens)


def _same_sequence(truth: Node, answer: Node, options: Options) -> bool:
    """Lists and sets in any order; tuples, intervals and ratios in theirs."""
    if truth.kind == answer.kind == "tuple":
        return truth.mark == answer.mark and _in_order(truth.parts, answer.parts, options)
    if truth.kind == "tuple":  # `1, 2` for the point (1, 2), but not {1, 2}
        return (
            truth.mark == "()" and not answer.mark and _in_order(truth.parts, answer.parts, options)
        )
    if answer.kind == "tuple":
        if truth.mark or answer.mark not in ("()", "[]"):
            return False
        return (_in_order if answer.mark == "()" else _in_any_order)(
            truth.parts, answer.parts, options
        )
    named = all(part.kind == "named" for part in truth.parts)
    names = {part.mark for part in truth.parts if part.kind == "named"}
    if named and len(names) > 1 and all(part.kind == "value" for part in answer.parts):
        return _in_order(truth.parts, answer.parts, options)  # x = 1, y = 2 answered with 1, 2
    return _in_any_order(truth.parts, answer.parts, options)


def _same_set(truth: Node, answer: Node, options: Options) -> bool:
    if truth.kind == answer.kind == "union" and _in_any_order(truth.parts, answer.parts, options):
        return True
    if {truth.kind, answer.kind} <= {"union", "tuple", "relation", "foreign"}:
        return symbolic.same(truth.tokens, answer.tokens)
    return False


def _in_order(truths: Sequence[Node], answers: Sequence[Node], options: Options) -> bool:
    pairs = zip(truths, answers, strict=False)
    return len(truths) == len(answers) and all(_same(*pair, options) for pair in pairs)


def _in_any_order(truths: Sequence[Node], answers: Sequence[Node], options: Options) -> bool:
    left = list(answers)
    if len(truths) != len(left):
        return False
    for truth in truths:
        found = next((answer for answer in left if _same(truth, answer, options)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _same_value(truth: Node, answer: Node, options: Options) -> bool:
    one, other = truth.tree, answer.tree
    if one is None or other is None:
        return symbolic.same(truth.tokens, answer.tokens)
    if truth.mark and answer.mark:
        factor = _conversion(answer.mark, truth.mark)
        return factor is not None and _equal(one, Tree("*", (other, factor)), options)
    scale = _SCALES.get(truth.mark or answer.mark)
    if scale:
        into_truths = Tree("inverse", (scale,)) if truth.mark else scale
        if _equal(one, Tree("*", (other, into_truths)), options):
            return True
    if not (_equal(one, other, options) or _rounds_to(truth, answer)):
        return False
    # 25 may be meant as 25 %, but 0.5 is not 0.5 %.
    return "%" not in (truth.mark, answer.mark) or _exceeds(one, 0.99 if truth.mark else 1)


def _equal(truth: Tree, answer: Tree, options: Options) -> bool:
    if options.get("tolerance") is None or truth.symbols() or answer.symbols():
        return equal(truth, answer)
    try:
        target, found = as_fraction(value(truth)), as_fraction(value(answer))
    except Undefined:  # complex numbers have no tolerance
        return equal(truth, answer)
    return abs(found - target) <= tolerance_of(options, target)


def _rounds_to(truth: Node, answer: Node) -> bool:
    """Whether one is the other's value to six decimals or more, and that many digits."""
    decimals = [_DECIMAL.fullmatch(node.tokens[-1]) for node in (truth, answer)]
    written = decimals[0] or decimals[1]
    if written is None or all(decimals) or len((written[1] + written[2]).lstrip("0")) < 6:
        return False
    if not (truth.tree and answer.tree) or truth.tree.symbols() or answer.tree.symbols():
        return False
    try:
        gap = as_fraction(value(truth.tree)) - as_fraction(value(answer.tree))
    except Undefined:
        return False
    return abs(gap) * 2 <= Fraction(1, 10 ** len(written[2]))


def _exceeds(tree: Tree, bound: float) -> bool:
    return bool(tree.symbols()) or bool(abs(value(tree)) > bound)


def _conversion(unit: str, into: str) -> Tree | None:
    """The factor from one unit into another, None where they measure different things."""
    if unit == into:
        return number(1)
    one, other = _unit(unit), _unit(into)
    if one is None or other is None or one.dimension != other.dimension:
        return None
    return number(one.factor / other.factor)


def _unit(mark: str) -> Unit | None:
    found = unit_named(mark.rstrip("23"))
    power = int(mark[-1]) if mark[-1] in "23" else 1
    return found.times(found, power - 1) if found else None
