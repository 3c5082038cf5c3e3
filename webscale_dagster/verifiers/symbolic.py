r"""Compares mathematics that is more than an expression, through math-verify and sympy.

Integrals, sums, sets, equations that are solved: what ``expressions`` does not read. math-verify's
own time limit is an alarm, which works in a main thread only; it is switched off, and the pool that
runs this answer type ends what takes too long. Reads and writes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from webscale_dagster.verifiers.latex import Tokens, closing
from webscale_dagster.verifiers.outcome import OptionError, ParseError

_MOST = 10_000  # of a number next to a power or a factorial


def readable(tokens: Tokens) -> None:
    """Raises ``ParseError`` where math-verify cannot read the tokens."""
    _read(_written(tokens))


def same(truth: Tokens, answer: Tokens) -> bool:
    """Whether math-verify takes two texts for the same; it is not symmetric, the truth is first."""
    try:
        read_truth, read_answer = _read(_written(truth)), _read(_written(answer))
    except ParseError:
        return False
    return bool(
        _math_verify().verify(
            [read_truth],
            [read_answer],
            allow_set_relation_comp=True,
            timeout_seconds=None,
        )
    )


@lru_cache(maxsize=512)
def _read(latex: str) -> Any:
    library = _math_verify()
    # Its normalisation is off: it takes `2t` for 2 tonnes. The text is in one spelling already.
    off = library.parser.NormalizationConfig(basic_latex=False, boxed="none")
    config = library.LatexExtractionConfig(boxed_match_priority=-1, normalization_config=off)
    found = library.parse(f"${latex}$", [config], fallback_mode="no_fallback", parsing_timeout=None)
    if not found:
        raise ParseError("math-verify cannot read it")
    return found[0]


def _written(tokens: Tokens) -> str:
    """LaTeX for math-verify; refuses what sympy would never finish."""
    for place, token in enumerate(tokens):
        if token.isdigit() and (len(token) > 30 or int(token) > _MOST):
            around = tokens[max(0, place - 3) : place] + tokens[place + 1 : place + 3]
            if {"^", "!", r"\binom"} & set(around):
                raise ParseError("a number too large to be computed")
        if token == "^":
            exponent = tokens[place + 2 : closing(tokens, place + 1)]
            if {"^", "!"} & set(exponent) and not any(map(str.isalpha, exponent)):
                raise ParseError("a tower of powers")
    return " ".join(tokens).replace(r"\cr", r"\\").replace("matrix}", "pmatrix}")


@lru_cache(maxsize=1)
def _math_verify() -> Any:
    try:
        import math_verify
        import math_verify.grader
        import math_verify.parser
    except ImportError as error:
        raise OptionError("no math-verify to compare with: pip install math-verify") from error
    for module in (math_verify.parser, math_verify.grader):
        module.TIMEOUT_WARNING_SHOWN = True  # the time limit is off on purpose
    return math_verify
