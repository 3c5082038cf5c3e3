"""pass@k and majority vote of the samples of one question. Reads and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import comb

from webscale_dagster.verifiers import _TYPES
from webscale_dagster.verifiers.answers import readings, response_text
from webscale_dagster.verifiers.outcome import AnswerType, ParseError, WholeAnswerType

_NAMES_ONE_ANSWER = ("judge",)  # though it reads the completion as a whole
_NUMERAL = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{1,40})?")


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that one of ``k`` samples is right, of ``n`` samples of which ``c`` are.

    Unbiased: 1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374, equation 1). Raises
    ValueError for k above n: fewer samples than k do not say what k samples would do.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} samples cannot be right")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} samples with a verdict, there are {n}")
    return 1.0 - comb(n - c, k) / comb(n, k)


def final_statement(text: str, answer_type: str) -> str | None:
    """What a sample says in the end, in one spelling; None where it says nothing that can be read.

    ``It is **Paris**, because …`` and ``Answer: paris`` say the same; so do ``1,000`` and
    ``1000.0``. Whether it is right plays no part. Of types that judge a completion as a whole all
    that follows the reasoning is the statement.
    """
    kind = _TYPES[answer_type]
    try:
        if isinstance(kind, WholeAnswerType) and answer_type not in _NAMES_ONE_ANSWER:
            said = response_text(text)
        else:
            raw = isinstance(kind, AnswerType) and kind.raw
            said = readings(text, raw=raw)[-1]  # the barest
    except ParseError:
        return None
    plain = " ".join(said.split()).casefold().strip("$ ")
    if _NUMERAL.fullmatch(plain):
        return str(Fraction(plain.replace(",", "")))
    return plain or None


def majority(statements: Sequence[str | None]) -> int | None:
    """The first sample of the statement that most samples make; None where none makes any.

    Of statements made as often the one made first wins.
    """
    first: dict[str, int] = {}
    votes: dict[str, int] = {}
    for at, statement in enumerate(statements):
        if statement is not None:
            first.setdefault(statement, at)
            votes[statement] = votes.get(statement, 0) + 1
    if not votes:
        return None
    return first[max(votes, key=lambda statement: votes[statement])]


def majority_is_correct(statements: Sequence[str | None], correct: Sequence[bool]) -> bool:
    """Whether the answer that most samples give is right; no answer is not."""
    if len(statements) != len(correct):
        raise ValueError(f"{len(statements)} statements with {len(correct)} verdicts")
    chosen = majority(statements)
    return chosen is not None and correct[chosen]
