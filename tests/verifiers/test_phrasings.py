from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.verifiers import ANSWER_TYPES, verify

TRUTHS: list[tuple[str, str, dict[str, Any]]] = [
    ("number", "1,480", {}),
    ("number", "3.5 km", {}),
    ("number", "-7", {}),
    ("percent", "12.5%", {}),
    ("currency", "$3.2 million", {}),
    ("date", "1969-07-20", {}),
    ("date", "44 BC", {}),
    ("duration", "90 minutes", {}),
    ("entity", "Marie Curie", {}),
    ("entity", "J. R. R. Tolkien", {}),
    ("entity", "Washington, D.C.", {}),
    ("term", "photosynthesis", {}),
    ("short_phrase", "loss of the habitat", {}),
    ("multiple_choice", "B", {"choices": ["Rome", "Paris", "Oslo"]}),
    ("boolean", "yes", {}),
    ("list", "red, green and blue", {}),
    ("ordered_list", "spring; summer; autumn", {}),
    ("math", r"\frac{\sqrt{3}}{2}", {}),
    ("math", "x = 17", {}),
    ("logic", "Ann: tea; Ben: milk", {}),
    ("logic", "Ann, Ben, Cy", {}),
]


# Nobody phrases these as an answer: they have tests of their own.
OWN_TESTS = {"code_tests", "constraints", "judge", "rubric", "tool_call"}


def test_every_answer_type_has_a_truth_here() -> None:
    assert {kind for kind, _, _ in TRUTHS} == set(ANSWER_TYPES) - OWN_TESTS


PHRASINGS = (
    "{}",
    "The answer is {}.",
    "First I considered the alternatives.\nThen I chose.\n\nAnswer: {}",
    "<think>Could it be 17, or Napoleon? Answer: no.</think>\n\n**Final answer:** {}",
    r"Working through it step by step gives \boxed{{{}}}",
    "So it must be:\n\n**{}**",
)


@pytest.mark.parametrize("phrasing", PHRASINGS)
@pytest.mark.parametrize(("kind", "truth", "options"), TRUTHS)
def test_every_phrasing_of_the_truth_is_accepted(
    kind: str, truth: str, options: dict[str, Any], phrasing: str
) -> None:
    result = verify(kind, phrasing.format(truth), truth, **options)
    assert result.outcome == "correct", result.reason


@pytest.mark.parametrize("phrasing", PHRASINGS)
@pytest.mark.parametrize(("kind", "truth", "options"), TRUTHS)
def test_the_truths_of_others_are_not_accepted(
    kind: str, truth: str, options: dict[str, Any], phrasing: str
) -> None:
    for _, other, _ in TRUTHS:
        if other != truth:
            result = verify(kind, phrasing.format(other), truth, **options)
            assert result.outcome in ("wrong", "unparseable"), (other, result.reason)
