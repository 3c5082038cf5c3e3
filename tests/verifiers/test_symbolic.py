"""What is left to math-verify; and where it alone goes wrong on the pairs of test_mathematics."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from tests.verifiers.test_mathematics import DIFFERENT, EQUAL
from webscale_dagster import verifiers
from webscale_dagster.verifiers import parses, symbolic, verify
from webscale_dagster.verifiers.latex import spelled, tokens
from webscale_dagster.verifiers.outcome import ParseError

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifiers, "in_worker", True)


@pytest.mark.parametrize(
    ("answer", "truth", "outcome"),
    [
        (r"\int_0^1 x dx", r"\frac{1}{2}", "correct"),
        (r"\int_0^1 x dx", r"\frac{1}{3}", "wrong"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}", "correct"),
        ("xy = 1", "y = 1/x", "correct"),
        ("xy = 2", "y = 1/x", "wrong"),
        ("x^2+y^2=2", "x^2+y^2=1", "wrong"),
        ("[1,2] \\cup [2,3]", "[1,3]", "correct"),
        ("(1,2) \\cup (2,3)", "(1,3)", "wrong"),
        ("|x| < 3", "(-3, 3)", "correct"),
        ("(-3, 3)", "|x| < 3", "correct"),
        ("(-3, 4)", "|x| < 3", "wrong"),
        (r"\begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix}", "-2", "unparseable"),
        (r"\int_0^1 x^{10^{10^{10}}} dx", "0", "unparseable"),
        (r"\sum_{k=1}^{3} 999999!", "0", "unparseable"),
    ],
)
def test_more_than_an_expression(answer: str, truth: str, outcome: str) -> None:
    found = verify("math", rf"\boxed{{{answer}}}", truth)
    assert found.outcome == outcome, found.reason


def test_a_truth_that_nobody_can_read_is_an_error() -> None:
    assert verify("math", r"\boxed{1}", r"\foo{1} \bar").outcome == "error"
    assert parses("math", r"\foo{1} \bar") is not None


def test_without_math_verify_the_rest_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    symbolic._math_verify.cache_clear()
    monkeypatch.setitem(sys.modules, "math_verify", None)
    try:
        outcome = verify("math", r"\boxed{\int_0^2 x dx}", "2")
        assert outcome.outcome == "error"
        assert "pip install math-verify" in outcome.reason
        assert verify("math", r"\boxed{\frac{\sqrt{4}}{2}}", "1").outcome == "correct"
    finally:
        symbolic._math_verify.cache_clear()


def test_what_sympy_would_never_finish_is_refused() -> None:
    for text in ("10^{10^{10}}", "99999!", "2^{99999999}", r"\binom{99999}{3}"):
        with pytest.raises(ParseError):
            symbolic.readable(tokens(spelled(text)))


@pytest.mark.bench
def test_math_verify_alone_on_the_same_pairs() -> None:
    """Run with ``-m bench -s`` to see the pairs on which the two differ."""
    from math_verify import parse
    from math_verify import verify as peer

    def judged(row: str) -> bool:
        answer, truth = row.split(" | ")
        read: list[Any] = [parse(f"${text}$", parsing_timeout=5) for text in (truth, answer)]
        return bool(peer(read[0], read[1], timeout_seconds=5))

    start = time.perf_counter()
    missed = [row for row in EQUAL if not judged(row)]
    accepted = [row for row in DIFFERENT if judged(row)]
    seconds = time.perf_counter() - start
    print(f"\nmath-verify alone: {seconds:.1f} s for {len(EQUAL) + len(DIFFERENT)} pairs")
    print(f"rejects {len(missed)} of {len(EQUAL)} equal pairs:", *missed, sep="\n    ")
    print(f"accepts {len(accepted)} of {len(DIFFERENT)} different ones:", *accepted, sep="\n    ")
    assert missed
    assert accepted
